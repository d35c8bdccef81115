"""What each action of `paddock incident` does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from data_contracts.errors import InputError
from flows.asking.incident_parameters import MOST, MOST_REPLAYED, IncidentParameters, asked_of
from flows.command.readying import make_ready
from flows.command.words import Options
from flows.workshop.settings import read_settings
from tasks.incidents.bundle import STEP, Asked

LOGGER = logging.getLogger("paddock")


def incident(parameters: IncidentParameters, options: Options) -> int:
    """Do what was asked; return the exit code."""
    return _ACTIONS[parameters.action](parameters, options)


def _open(parameters: IncidentParameters, options: Options) -> int:
    """Gather a time into a bundle, and show it."""
    asked = _asked(parameters)
    make_ready(options)
    from flows.incidents.opening import opened
    from flows.incidents.showing import shown
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    found = opened(workshop, asked, parameters.file, datetime.now(UTC))
    told, where = shown(workshop, found.bundle.id)
    LOGGER.info("%s\n", told)
    how = "was opened already, and is as it was" if found.again else "is opened"
    LOGGER.info("Incident %s of %s %s; its page: %s", asked.id, asked.name, how, where)
    return 0


def _asked(parameters: IncidentParameters) -> Asked:
    return asked_of(
        parameters.name,
        parameters.since,
        parameters.until,
        tenant=parameters.tenant,
        most=parameters.most or MOST,
        names=parameters.names,
    )


def _replay(parameters: IncidentParameters, options: Options) -> int:
    """Ask a bundle's requests again, and show what differs."""
    identity = _named(parameters)
    make_ready(options)
    from flows.incidents.replaying import replayed
    from flows.incidents.showing import shown
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    most = parameters.most or MOST_REPLAYED
    replay = replayed(
        workshop,
        identity,
        parameters.against,
        most,
        parameters.file,
        lambda line: LOGGER.info("%s", line),
    )
    told, where = shown(workshop, identity)
    LOGGER.info("%s\n", told)
    LOGGER.info(
        "%d requests were asked again, of %s; the page: %s",
        len(replay.requests),
        ", ".join(one.name for one in replay.sides),
        where,
    )
    return 0


def _named(parameters: IncidentParameters) -> str:
    if not parameters.id:
        raise InputError(
            "which incident?",
            step=STEP,
            remedy="give its id; `paddock incident show` lists them",
        )
    return parameters.id


def _show(parameters: IncidentParameters, options: Options) -> int:
    """Show an incident and write its page; without an id list them all."""
    make_ready(options)
    from flows.incidents.showing import listed, shown
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    if not parameters.id:
        LOGGER.info("%s", listed(workshop))
        return 0
    told, where = shown(workshop, parameters.id)
    LOGGER.info("%s\n", told)
    LOGGER.info("Its page: %s", where)
    return 0


_ACTIONS: dict[str, Callable[[IncidentParameters, Options], int]] = {
    "open": _open,
    "replay": _replay,
    "show": _show,
}
