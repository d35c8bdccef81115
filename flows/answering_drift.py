"""Answers drift: looks whether there is something new to train on, starts the retraining once.

A retraining is the champion's own, on the data as they are now. On a Prefect server it is a run
of the `retrain` deployment; without one it runs here and now. It counts as an answer only if a new
model comes out. Writes the records of `tasks/drift/triggers.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from data_contracts.errors import PaddockError
from flows.asking.drift_parameters import Start
from flows.asking.flow_runs import OF_DRIFT
from flows.asking.inputs import resolve_source
from flows.asking.parameters import GIVEN, RetrainParameters
from flows.asking.plan import find_outputs, resolve_inputs
from flows.champion import Champion
from flows.going_on import begun_at, judged_alike
from flows.own_starts import held, week_budgets
from flows.showing.progress import LOGGER
from model_registry.candidates import list_candidates
from model_registry.dossier import VERDICT_TAG
from tasks.drift.decision import Decision, Ended, Trigger
from tasks.drift.triggers import claim_trigger, last_trigger, record_outcome

RETRAIN = "retrain/retrain"  # of any model


class Answer(BaseModel):
    """What was done about drift. `alert`: nothing, and it needs a person."""

    started: bool = False
    reason: str
    alert: bool = False


def answer(champion: Champion, decision: Decision, source: str = "", start: Start = "") -> Answer:
    """Start the retraining that a decision names, unless somebody else did or it would be empty.

    It is the champion's own, on another source where one is named; `start` is what it begins at.
    """
    try:
        asked = champion.parameters_again()
        if source:  # its rows have names of their own
            asked = asked.model_copy(update={"source": source, "mapping": ""})
            asked = judged_alike(champion.workshop, asked)
        asked = begun_at(start, asked)
        nothing = _nothing_new(champion, asked)
    except PaddockError as refusal:
        reason = f"{decision.reason}; no retraining can be started: {refusal}"
        return Answer(reason=reason, alert=True)
    if nothing:
        return Answer(reason=f"{decision.reason}; nothing new to train on: {nothing}", alert=True)
    workshop, name, now = champion.workshop, champion.name, datetime.now(UTC)
    if why := held(workshop, asked, week_budgets(workshop, asked, now), now):
        return Answer(reason=f"{decision.reason}; {why.reason}", alert=why.spent)
    newest = _newest_candidate(champion)
    trigger = claim_trigger(workshop.store, name, decision, now, newest)
    if trigger is None:
        return Answer(reason=f"{decision.reason}; another monitor started the retraining")
    if workshop.settings.shared_prefect:
        _start_deployment(champion, trigger, decision, asked)
        return Answer(started=True, reason=decision.reason)
    return _train_here(champion, trigger, decision, asked)


def _nothing_new(champion: Champion, asked: RetrainParameters) -> str:
    """Return why a retraining would find all of its work done, or nothing."""
    workshop = champion.workshop
    inputs = resolve_inputs(workshop, asked)
    found = find_outputs(workshop, asked, inputs, resolve_source(workshop, inputs.ingest))
    model = found["model"]
    if model is None:
        return ""
    if model.digest == champion.references.get("model"):
        return "the data are those that the champion was trained on; bring new rows"
    for candidate in list_candidates(workshop.registry, champion.name):
        if candidate.references.get("model") == model.digest:
            verdict = candidate.tags.get(VERDICT_TAG, "not judged")
            return (
                f"{candidate.name} version {candidate.version} ({verdict} by its gates) was "
                "trained on the data as they are; decide on it, or bring new rows"
            )
    return ""


def _train_here(
    champion: Champion, trigger: Trigger, decision: Decision, asked: RetrainParameters
) -> Answer:
    from prefect import tags

    from flows.retraining import retrain

    store, name = champion.workshop.store, champion.name
    LOGGER.info("drift: retraining starts here, since no Prefect server is set")
    try:
        with tags(OF_DRIFT):
            retrain(asked)
    except BaseException:
        record_outcome(store, name, trigger, "crashed")
        raise
    ended = ended_well(trigger, _newest_candidate(champion))
    record_outcome(store, name, trigger, ended)
    if ended == "nothing_new":
        reason = f"{decision.reason}; the retraining found nothing new to train on"
        return Answer(started=True, reason=reason, alert=True)
    return Answer(started=True, reason=decision.reason)


def _start_deployment(
    champion: Champion, trigger: Trigger, decision: Decision, asked: RetrainParameters
) -> None:
    from prefect.deployments import run_deployment

    try:
        run: Any = run_deployment(
            _deployment(asked.name),
            parameters={GIVEN: asked.grouped()},
            timeout=0,
            idempotency_key=decision.idempotency_key,
            tags=[OF_DRIFT, decision.idempotency_key],
            as_subflow=False,
        )
    except BaseException:
        record_outcome(champion.workshop.store, champion.name, trigger, "cancelled")
        raise
    LOGGER.info("drift: started retraining as run %s", run.name)


def _deployment(name: str) -> str:
    """Return the deployment of a model's retraining: its own where it has one."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(f"retrain/{name}")
        except ObjectNotFound:
            return RETRAIN
    return f"retrain/{name}"


def settle(champion: Champion) -> None:
    """Record how the last retraining that drift started has ended, if it has."""
    workshop, name = champion.workshop, champion.name
    trigger = last_trigger(workshop.store, name)
    if trigger is None or trigger.outcome != "running" or not workshop.settings.shared_prefect:
        return
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

    key = f"{trigger.fingerprint}-{trigger.attempt}"
    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[key]))
        runs = client.read_flow_runs(flow_run_filter=wanted)
    ended = run_ended(runs[0], trigger, _newest_candidate(champion)) if runs else None
    if ended is not None:
        record_outcome(workshop.store, name, trigger, ended)


def run_ended(run: Any, trigger: Trigger, newest_candidate: int) -> Ended | None:
    """Return how a flow run ended, or None while it goes on.

    One that was cancelled before it began (the deployment's limit does so while another runs) was
    no try; one that was cancelled later was.
    """
    state = run.state
    if state is None or not state.is_final():
        return None
    if state.is_completed():
        return ended_well(trigger, newest_candidate)
    if state.is_cancelled() and run.run_count == 0:
        return "cancelled"
    return "crashed"


def ended_well(trigger: Trigger, newest_candidate: int) -> Ended:
    """Return what a retraining that ended well was: with a new candidate, or without."""
    before = trigger.candidate  # records from before it was kept have none
    return "completed" if before is None or newest_candidate > before else "nothing_new"


def _newest_candidate(champion: Champion) -> int:
    versions = list_candidates(champion.workshop.registry, champion.name)
    return versions[0].version if versions else 0
