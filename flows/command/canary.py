"""What each action of `paddock canary` does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from data_contracts.errors import InputError
from flows.asking.canary_parameters import CanaryParameters
from flows.command.words import Options
from tasks.canary.policy import STEP, CanaryPolicy, read_policy
from tasks.canary.selftest import Row, judged_share_needed, run_selftest, stop_times
from tasks.canary.traffic import Traffic
from tasks.canary.words import selftest_table

LOGGER = logging.getLogger("paddock")


def canary(parameters: CanaryParameters, _: Options) -> int:
    """Do what was asked; return the exit code."""
    return _ACTIONS[parameters.action](parameters)


def _selftest(parameters: CanaryParameters) -> int:
    """Print how often the verdict is wrong; exit code 1 if the policy misses a goal."""
    policy = _policy(parameters.policy)
    traffic = Traffic(parameters.rate, parameters.judged)
    rows = list[Row]()
    for row in run_selftest(policy, traffic, parameters.hours, parameters.seed):
        LOGGER.info("drawn: %s", row.kind)
        rows.append(row)
    stopped = stop_times(policy, traffic)
    table = selftest_table(rows, stopped, traffic, judged_share_needed(policy, traffic))
    LOGGER.info("Seed %d.\n\n%s\n", parameters.seed, table)
    return 1 if any(row.missed for row in rows) else 0


def _policy(file: str) -> CanaryPolicy:
    if not file:
        return CanaryPolicy()
    if not file.endswith(".toml"):
        raise InputError(
            "the canary's policy is no TOML file",
            step=STEP,
            where=file,
            remedy="give a file that ends in .toml, with a table [canary]",
        )
    return read_policy(Path(file))


_ACTIONS: dict[str, Callable[[CanaryParameters], int]] = {"selftest": _selftest}
