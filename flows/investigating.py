"""`incident`: what is known of a bad hour, its requests asked again, and a page to act on.

What `paddock incident open` and `replay` do, for who is on call and has a browser.
"""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from flows.asking.flow_runs import run_name
from flows.asking.incident_parameters import IncidentRunParameters, asked_of
from flows.incidents.opening import opened
from flows.incidents.replaying import replayed
from flows.incidents.showing import shown
from flows.showing.leading_on import served_places
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_page
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings


class Investigated(Frozen):
    """The incident, where its page lies, and how many of its requests were asked again."""

    incident: str
    page: str
    again: int


@flow(name="incident", flow_run_name=run_name)
def incident(parameters: IncidentRunParameters) -> State[Investigated]:
    """Open the incident, ask its requests again where there are any, and show it."""
    workshop = Workshop(read_settings())
    asked = asked_of(
        parameters.name,
        parameters.since,
        parameters.until,
        tenant=parameters.tenant,
        most=parameters.most,
        names=parameters.names,
    )
    found = opened(workshop, asked, parameters.file, datetime.now(UTC))
    LOGGER.info("incident %s %s", asked.id, "was opened already" if found.again else "is opened")
    again = _replayed(workshop, parameters, asked.id) if parameters.replayed else 0
    words, where = shown(workshop, asked.id)
    LOGGER.info("%s", words)
    publish_page(
        "incident",
        f"{words}\n\nThe page, with requests and a postmortem to go on with: `{where}`",
        f"What is known of the incident {asked.id}",
        places=served_places(workshop, asked.name),
        to_do="do what takes the harm away, then write the postmortem.",
    )
    done = Investigated(incident=asked.id, page=where, again=again)
    return Completed(message=f"incident {asked.id}; {again} requests asked again", data=done)


def _replayed(workshop: Workshop, parameters: IncidentRunParameters, identity: str) -> int:
    """Return how many requests were asked again; none where none can be, or nothing can answer."""
    try:
        replay = replayed(
            workshop,
            identity,
            parameters.against,
            parameters.replayed,
            parameters.file,
            lambda line: LOGGER.info("%s", line),
        )
    except ContractError as error:
        if parameters.against:  # what somebody named and cannot be had is an error
            raise
        LOGGER.warning("not asked again: %s", error.what)
        return 0
    return len(replay.requests)
