"""`promote`, `rollback` and `retire`: move the champion when people said yes, and take it back.

`promote` is a deployment of its own that looks every few minutes: nothing waits in a suspended
run, so nothing that waits can die.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.errors import ContractError, IntegrityError
from flows.asking.flow_runs import run_name
from flows.asking.release_parameters import (
    PromoteParameters,
    RetireParameters,
    RollbackParameters,
)
from flows.serving.promised import pause_of_releases
from flows.showing.leading_on import served_places
from flows.showing.notifying import Event, notify, release_events, trouble_event
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_page
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.approvals import read_decision
from model_registry.candidates import find_candidate
from model_registry.dossier import read_dossier
from model_registry.promotion import Poll
from model_registry.releases import Release
from tasks.release.steps import promote_step, retire_step, rollback_step

DEFAULTS = PromoteParameters()
LONG = timedelta(days=1)  # people are told once more of what waits so long


@flow(name="promote", flow_run_name=run_name)
def promote(parameters: PromoteParameters = DEFAULTS) -> State[Poll]:
    """Promote the newest candidate that people approved, if there is one.

    Nothing is while the error budget of what serves burns, and the serving's file says that this
    pauses releases. ContractError if the registry is not as the ledger says: then nothing is.
    """
    workshop = Workshop(read_settings(), "promoter")
    poll = look_at_candidates(workshop, parameters)
    text = describe_poll(parameters.name, poll)
    LOGGER.info("%s", text)
    publish_page(
        "promotion",
        text,
        "What the look at the candidates did",
        places=served_places(workshop, parameters.name),
        to_do=_next(parameters.name, poll),
    )
    notify(
        workshop,
        *release_events(poll.release, workshop.settings.mlflow_pages),
        *waiting_long(workshop, parameters.name, poll, datetime.now(UTC)),
    )
    if poll.trouble:
        notify(workshop, trouble_event(parameters.name, poll.trouble, poll.remedy))
        raise ContractError(
            f"nothing was promoted: {poll.trouble}",
            step="promote",
            where=parameters.name,
            remedy=poll.remedy,
        )
    return Completed(message=text.partition("\n")[0], data=poll)


def look_at_candidates(workshop: Workshop, parameters: PromoteParameters) -> Poll:
    """Return what a look did; with a budget that burns, none unless it is urgent."""
    held = pause_of_releases(workshop, parameters.name, datetime.now(UTC)).words
    if held and not parameters.urgent:
        return Poll(release=None, passed_over={}, held=held)
    poll = promote_step(workshop.registry, parameters.name, workshop.keys, parameters.version)
    return poll.model_copy(update={"held": held})


@flow(name="rollback", flow_run_name=run_name)
def rollback(parameters: RollbackParameters) -> State[Release]:
    """Put the previous champion back, and record why."""
    workshop = Workshop(read_settings(), "promoter")
    release = rollback_step(workshop.registry, parameters.name, parameters.reason, workshop.keys)
    return _told(workshop, release, "rollback", "What was rolled back")


@flow(name="retire", flow_run_name=run_name)
def retire(parameters: RetireParameters) -> State[Release]:
    """Take the champion out of service, so that nothing serves, and record why."""
    workshop = Workshop(read_settings(), "promoter")
    release = retire_step(workshop.registry, parameters.name, parameters.reason)
    return _told(workshop, release, "retire", "What was taken out of service")


def _told(workshop: Workshop, release: Release, flow: str, what: str) -> State[Release]:
    text = describe_release(release)
    LOGGER.info("%s", text)
    publish_page(
        flow,
        text,
        what,
        places=served_places(workshop, release.name),
        to_do=f"find out why; `paddock evaluate --name {release.name}` asks what serves now."
        if flow == "rollback"
        else f"find out why, and promote another candidate: `paddock show --name {release.name}`.",
    )
    notify(workshop, *release_events(release, workshop.settings.mlflow_pages))
    return Completed(message=text, data=release)


def waiting_long(workshop: Workshop, name: str, poll: Poll, now: datetime) -> Iterator[Event]:
    """Yield the newest candidate that a look passed over, where people have not said for a day."""
    for version in list(poll.passed_over)[:1]:
        try:
            candidate = find_candidate(workshop.registry, name, version)
            dossier = read_dossier(workshop.registry, candidate, workshop.keys)
            decision = read_decision(workshop.registry, name, dossier)
        except (ContractError, IntegrityError):
            return  # the look has said what is wrong with it
        since = datetime.fromisoformat(dossier.created)
        if decision.state == "pending" and now - since >= LONG and not dossier.expired(now):
            yield Event(
                "waits for approval",
                name,
                f"a day {dossier.identity}",
                f"{candidate.name} version {version} has waited for approval since "
                f"{since:%Y-%m-%d %H:%M} UTC; its evidence expires on {dossier.expires}. "
                f"`paddock show --name {name}` says who is asked.",
            )


def _next(name: str, poll: Poll) -> str:
    """Return what somebody does after a look at the candidates."""
    if poll.trouble:
        return f"{poll.remedy}."
    if poll.held and not poll.release:
        return f"`paddock slo status --name {name}` says until when; a rollback is not held."
    if poll.release and poll.release.moved:
        return f"`paddock monitor --name {name}` compares what it is asked with what it learned."
    if poll.passed_over:
        return "who sits in a seat decides in the Review tab; this looks again by itself."
    return f"`paddock run --name {name}` makes a candidate, once there are new rows."


def describe_poll(name: str, poll: Poll) -> str:
    """Return what a look at the candidates did, as text."""
    lines = [describe_release(poll.release)] if poll.release else []
    lines += [f"- version {v} passed over: {why}" for v, why in poll.passed_over.items()]
    if poll.trouble:
        lines.append(f"Nothing of {name} was looked at: {poll.trouble}. To do: {poll.remedy}.")
    if poll.held:
        went = "Promoted all the same (urgent)" if poll.release else "Nothing is promoted"
        lines.append(f"{went}: of what serves of {name}, {poll.held}.")
    serves = f": version {poll.champion} is the champion already" if poll.champion else ""
    return "\n".join(lines) or f"No candidate of {name} waits to be promoted{serves}."


def describe_release(release: Release) -> str:
    """Return a release as one sentence."""
    if not release.moved:
        return f"{release.name} version {release.version}: {release.reason}."
    before = f"version {release.before}" if release.before else "nothing"
    if not release.version:
        return f"{release.name}: nothing serves now, after {before} ({release.reason})."
    return (
        f"{release.action}: {release.name} version {release.version} is champion now, "
        f"after {before} ({release.reason})."
    )
