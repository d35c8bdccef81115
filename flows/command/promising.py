"""What each action of `paddock slo` does."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.asking.slo_parameters import SloParameters
from flows.command.readying import make_ready
from flows.command.words import Options
from flows.workshop.settings import CHECKOUT, read_settings
from tasks.serving.specification import read_specification
from tasks.slo.objectives import Promises, promises_of
from tasks.slo.rules import rules_of

LOGGER = logging.getLogger("paddock")


def slo(parameters: SloParameters, options: Options) -> int:
    """Do what was asked; return the exit code."""
    name, promises = _promised(parameters)
    if parameters.action == "render":
        return _render(rules_of(promises, name), parameters.out)
    make_ready(options)
    from flows.serving.chaos_run import made_since, told
    from flows.serving.promised import standing
    from flows.workshop.parts import Workshop
    from tasks.slo.words import status_table

    now, workshop = datetime.now(UTC), Workshop(read_settings())
    budgets, pause = standing(workshop, name, promises, now)
    LOGGER.info("%s", status_table(name, promises, budgets, pause))
    if made := told(made_since(workshop.store, name, now - timedelta(days=promises.days))):
        LOGGER.info("%s", made)
    return 1 if pause.held else 0


def _promised(parameters: SloParameters) -> tuple[str, Promises]:
    path = (
        Path(parameters.file).expanduser() if parameters.file else CHECKOUT / "deploy/serving.toml"
    )
    found = read_specification(path, name=parameters.name)
    return found.name, promises_of(found.slo, str(path))


def _render(rules: str, out: str) -> int:
    if out:
        Path(out).expanduser().write_text(rules, "utf-8")
        LOGGER.info("wrote %s; check it with promtool check rules %s", out, out)
    else:
        sys.stdout.write(rules)
    return 0
