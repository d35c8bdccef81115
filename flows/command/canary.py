"""What each action of `paddock canary` does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import InputError
from flows.asking.canary_parameters import CanaryParameters, CanaryRunParameters
from flows.command.readying import make_ready, started
from flows.command.words import Options
from flows.workshop.settings import read_settings
from tasks.canary.phases import abort, overdue
from tasks.canary.policy import STEP, CanaryPolicy, read_policy
from tasks.canary.selftest import Row, judged_share_needed, run_selftest, stop_times
from tasks.canary.traffic import Traffic
from tasks.canary.words import selftest_table

if TYPE_CHECKING:
    from flows.serving.canary_ticks import Site

LOGGER = logging.getLogger("paddock")


def canary(parameters: CanaryParameters, options: Options) -> int:
    """Do what was asked; return the exit code."""
    return _ACTIONS[parameters.action](parameters, options)


def _start(parameters: CanaryParameters, options: Options) -> int:
    """Begin a canary, or go on with it, until its end; exit code 1 if it was not promoted."""
    make_ready(options)
    asked = CanaryRunParameters(
        name=parameters.name,
        version=parameters.version,
        fast=parameters.fast,
        file=parameters.file,
        shadow=parameters.shadow,
    )
    outcome = started("flows.canarying", "canary", asked)
    return 0 if outcome.ended == "promoted" else 1


def _status(parameters: CanaryParameters, options: Options) -> int:
    """Print the newest canary: where it is, and the arms side by side."""
    site = _site(parameters, options)
    record = site.record()
    if record and record.experiment:
        LOGGER.info(
            "An experiment is the newest: `paddock experiment status --name %s` shows it.",
            parameters.name,
        )
        return 0
    if record is None:
        LOGGER.info(
            "There was no canary of %s yet. `paddock canary start --name %s` begins one.",
            parameters.name,
            parameters.name,
        )
        return 0
    from tasks.canary.words import side_by_side

    LOGGER.info("%s\n", side_by_side(record.state, record.policy))
    state = record.state
    if not state.ended and overdue(state, datetime.now(UTC)):
        LOGGER.warning(
            "Nobody ticks since %s UTC, so it gets no traffic; its next tick rolls it back.",
            f"{state.tick:%Y-%m-%d %H:%M}",
        )
    return 0


def _abort(parameters: CanaryParameters, options: Options) -> int:
    """Take a canary back now."""
    site = _site(parameters, options)
    with site.alone():
        record = site.record()
        if record is None or record.state.ended:
            ended = record.state.ended if record else None
            said = f"the newest was {ended}" if ended else "there never was one"
            raise InputError(
                f"no canary is under way: {said}",
                step=STEP,
                where=parameters.name,
                remedy=f"`paddock canary status --name {parameters.name}` shows the newest",
            )
        if record.experiment:
            raise InputError(
                "what is under way is an experiment",
                step=STEP,
                where=parameters.name,
                remedy=f"`paddock experiment stop --name {parameters.name}` ends it",
            )
        why = parameters.reason or "a person ended it"
        state = abort(record.state, datetime.now(UTC), why)
        site.write(record.model_copy(update={"state": state}))
    LOGGER.info(
        "The canary of %s version %d is aborted: %s. It gets no more traffic.",
        parameters.name,
        state.candidate.version,
        why,
    )
    return 0


def _site(parameters: CanaryParameters, options: Options) -> Site:
    make_ready(options, servers=False)
    from flows.serving.cluster_site import site_of
    from flows.serving.places import Places
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings(), "promoter")
    places = Places(workshop.settings.home, parameters.name)
    places.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return site_of(workshop, places, parameters.name)


def _selftest(parameters: CanaryParameters, _: Options) -> int:
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


_ACTIONS: dict[str, Callable[[CanaryParameters, Options], int]] = {
    "start": _start,
    "status": _status,
    "abort": _abort,
    "selftest": _selftest,
}
