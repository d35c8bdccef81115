"""`promote` and `rollback`: move the champion when people said yes, and take it back.

`promote` is a deployment of its own that looks every few minutes: nothing waits in a suspended
run, so nothing that waits can die.
"""

from __future__ import annotations

from prefect import flow

from data_contracts.errors import ContractError
from flows.asking.parameters import PromoteParameters, RollbackParameters
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_page
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.promotion import Poll
from model_registry.releases import Release
from tasks.release.steps import promote_step, rollback_step

DEFAULTS = PromoteParameters()


@flow(name="promote")
def promote(parameters: PromoteParameters = DEFAULTS) -> Poll:
    """Promote the newest candidate that people approved, if there is one.

    ContractError if the registry is not as releases left it: then nothing is promoted.
    """
    workshop = Workshop(read_settings())
    poll = promote_step(workshop.registry, parameters.name, workshop.keys, parameters.version)
    text = describe_poll(parameters.name, poll)
    LOGGER.info("%s", text)
    publish_page("promotion", text, "What the look at the candidates did")
    if poll.trouble:
        raise ContractError(
            f"nothing was promoted: {poll.trouble}",
            step="promote",
            where=parameters.name,
            remedy=poll.remedy,
        )
    return poll


@flow(name="rollback")
def rollback(parameters: RollbackParameters) -> Release:
    """Put the previous champion back, and record why."""
    workshop = Workshop(read_settings())
    release = rollback_step(workshop.registry, parameters.name, parameters.reason, workshop.keys)
    text = describe_release(release)
    LOGGER.info("%s", text)
    publish_page("rollback", text, "What was rolled back")
    return release


def describe_poll(name: str, poll: Poll) -> str:
    """Return what a look at the candidates did, as text."""
    lines = [describe_release(poll.release)] if poll.release else []
    lines += [f"- version {v} passed over: {why}" for v, why in poll.passed_over.items()]
    if poll.trouble:
        lines.append(f"Nothing of {name} was looked at: {poll.trouble}. To do: {poll.remedy}.")
    serves = f": version {poll.champion} is the champion already" if poll.champion else ""
    return "\n".join(lines) or f"No candidate of {name} waits to be promoted{serves}."


def describe_release(release: Release) -> str:
    """Return a release as one sentence."""
    if not release.moved:
        return f"{release.name} version {release.version}: {release.reason}."
    before = f"version {release.before}" if release.before else "nothing"
    return (
        f"{release.action}: {release.name} version {release.version} is champion now, "
        f"after {before} ({release.reason})."
    )
