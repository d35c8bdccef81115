"""What each action of `paddock experiment` does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from data_contracts.errors import InputError
from flows.asking.experiment_parameters import ExperimentParameters, ExperimentRunParameters
from flows.command.readying import make_ready, started
from flows.command.words import Options
from flows.workshop.settings import read_settings
from tasks.canary.phases import abort, overdue
from tasks.experiment.metrics import STEP
from tasks.experiment.selftest import Row, run_selftest
from tasks.experiment.words import selftest_tables

if TYPE_CHECKING:
    from flows.serving.canary_ticks import Site
    from flows.serving.places import Places
    from flows.workshop.parts import Workshop

LOGGER = logging.getLogger("paddock")


def experiment(parameters: ExperimentParameters, options: Options) -> int:
    """Do what was asked; return the exit code."""
    return _ACTIONS[parameters.action](parameters, options)


def _start(parameters: ExperimentParameters, options: Options) -> int:
    """Run an experiment, or go on with it; exit code 1 if it did not run its whole time."""
    make_ready(options)
    given = ExperimentRunParameters(
        **{of: getattr(parameters, of) for of in ExperimentRunParameters.model_fields}
    )
    outcome = started("flows.experimenting", "experiment", given)
    return 0 if outcome.ended in ("over", "promoted") else 1


def _status(parameters: ExperimentParameters, options: Options) -> int:
    """Print the newest experiment: what can be said, and both arms."""
    from flows.serving.experiment_page import markdown

    record = _site(parameters, options)[2].record()
    if record is None or record.experiment is None:
        why = "a canary is the newest" if record else "there was none yet"
        LOGGER.info(
            "No experiment of %s to show: %s. `paddock experiment start --name %s` begins one.",
            parameters.name,
            why,
            parameters.name,
        )
        return 0
    LOGGER.info("%s\n", markdown(record, record.experiment))
    state = record.state
    if not state.ended and overdue(state, datetime.now(UTC)):
        LOGGER.warning(
            "Nobody ticks since %s UTC, so the candidate gets no traffic. `paddock experiment stop "
            "--name %s` ends it.",
            f"{state.tick:%Y-%m-%d %H:%M}",
            parameters.name,
        )
    return 0


def _stop(parameters: ExperimentParameters, options: Options) -> int:
    """End an experiment now."""
    from flows.serving.experiment_page import keep_page
    from flows.serving.experiment_start import closed
    from tasks.experiment.words import says

    workshop, places, site = _site(parameters, options)
    with site.alone():
        record = site.record()
        if record is None or record.experiment is None or record.state.ended:
            raise InputError(
                "no experiment is under way",
                step=STEP,
                where=parameters.name,
                remedy=f"`paddock experiment status --name {parameters.name}` shows the newest",
            )
        now, seen = datetime.now(UTC), record.experiment
        state = abort(record.state, now, parameters.reason or "a person ended it")
        record = record.model_copy(update={"state": state})
        record = closed(record, places, workshop.store, now)
        site.write(record)
    found = record.experiment or seen
    LOGGER.info(
        "The experiment of %s version %d is stopped: %s. It gets no more traffic.\n%s\n"
        "Its page: %s",
        parameters.name,
        state.candidate.version,
        state.why,
        says(found),
        f"{workshop.store.uri}/{keep_page(workshop.store, record, found)}",
    )
    return 0


def _site(parameters: ExperimentParameters, options: Options) -> tuple[Workshop, Places, Site]:
    make_ready(options, servers=False)
    from flows.serving.canary_ticks import Site
    from flows.serving.places import Places
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings(), "promoter")
    places = Places(workshop.settings.home, parameters.name)
    places.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return workshop, places, Site(workshop.store, places, parameters.name)


def _selftest(parameters: ExperimentParameters, _: Options) -> int:
    """Print how often it is wrong and what it needs; exit code 1 if it misses a goal."""
    rows = list[Row]()
    for row in run_selftest(parameters.runs, parameters.seed):
        LOGGER.info("drawn: %s", row.case.kind)
        rows.append(row)
    tables = selftest_tables(rows, parameters.rate, parameters.share)
    LOGGER.info(
        "Seed %d, %d runs of each, 24 looks a run.\n\n%s\n",
        parameters.seed,
        parameters.runs,
        tables,
    )
    return 1 if any(row.missed for row in rows) else 0


_ACTIONS: dict[str, Callable[[ExperimentParameters, Options], int]] = {
    "start": _start,
    "status": _status,
    "stop": _stop,
    "selftest": _selftest,
}
