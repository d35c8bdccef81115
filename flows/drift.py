"""`monitor_drift`: compare what the champion is asked with what it learned, and retrain on drift.

Drift in two of the last three windows starts one retraining, whoever looks and however often. On
a Prefect server that is a run of the `retrain` deployment; without one it runs here and now.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from prefect import flow
from pydantic import BaseModel

from data_contracts.errors import ContractError, InputError
from flows.asking.parameters import DemoLogParameters, MonitorParameters, RetrainParameters
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import inline_image, publish_page
from flows.showing.summary import read_summaries
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from flows.workshop.settings import read_settings
from model_registry.candidates import candidate_of
from model_registry.versions import Version
from tasks.drift.decision import OF, Decision, Policy, Trigger, decide
from tasks.drift.log import list_windows
from tasks.drift.report import markdown, read_report
from tasks.drift.steps import compare_step
from tasks.drift.triggers import claim_trigger, last_trigger, read_history, record_outcome
from tasks.storage.outputs import Reference
from tasks.storage.stages import SNAPSHOT

RETRAIN = "retrain/retrain"
DEFAULTS = MonitorParameters()


class Watch(BaseModel):
    """What a look at the inference log found and started."""

    champion: int
    windows: dict[str, str]
    started: bool
    reason: str


@flow(name="monitor_drift")
def monitor_drift(parameters: MonitorParameters = DEFAULTS) -> Watch:
    """Compare the newest windows with the champion's training data; retrain if they drifted."""
    workshop = Workshop(read_settings())
    champion = workshop.champion(parameters.name, "drift")
    statuses = _compare(workshop, parameters.name, champion)
    _settle(workshop, parameters.name)
    decision = _decide(workshop, parameters, champion)
    started = decision.start and parameters.retrain and _start(workshop, parameters, decision)
    LOGGER.info("drift: %s", decision.reason)
    watch = Watch(
        champion=champion.version, windows=statuses, started=started, reason=decision.reason
    )
    publish_page("drift-decision", describe(watch), "Whether drift starts a retraining")
    return watch


def _compare(workshop: Workshop, name: str, champion: Version) -> dict[str, str]:
    windows = list_windows(workshop.store, name)[-OF:]
    if not windows:
        raise InputError(
            "there is no inference log",
            step="drift",
            where=f"{workshop.store.uri}/inference/{name}",
            remedy="let serving write its log there, or try `paddock demo-log`",
        )
    snapshot = _training_snapshot(workshop, champion)
    redactor = redactor_of(workshop, snapshot)
    build_redactor = cache(redactor)  # three windows, one loading of the names model
    statuses: dict[str, str] = {}
    for window in windows:
        with stage(f"window {window}"):
            built = compare_step(
                workshop.outputs,
                name,
                window,
                champion.digest,
                snapshot,
                redactor.identity(),
                build_redactor,
            )
        folder = workshop.outputs.fetch(built.reference)
        report = read_report(folder)
        statuses[window] = report.result.status
        LOGGER.info("  window %s: %s (%s)", window, report.result.status, report.result.reason)
        page = f"{markdown(report)}\n\n{inline_image(folder / 'report.png', 'drift signals')}"
        publish_page(f"drift-{window.lower()}", page, f"Drift of window {window}")
    return statuses


def redactor_of(workshop: Workshop, snapshot: Reference) -> RedactorRecipe:
    """Return the redactor that a snapshot's rows went through, its contract's policies included."""
    used = workshop.outputs.manifest(snapshot).parameters["redaction"]
    names, keep = used["names_model"] is not None, tuple(used["keep"])
    return workshop.redactor(names=names, keep=keep, policies=used["policies"])


def _training_snapshot(workshop: Workshop, champion: Version) -> Reference:
    """Return the snapshot the champion was trained on, by the digest its version names."""
    digest = candidate_of(champion).references["dataset"]
    found = workshop.outputs.with_digest(SNAPSHOT, digest)
    if found is None:
        raise ContractError(
            "the champion's training snapshot is not in the store",
            step="drift",
            where=f"{workshop.store.uri}/{SNAPSHOT.name}, digest {digest}",
            remedy="restore the store from a backup, or retrain and promote",
        )
    return found


def _decide(workshop: Workshop, parameters: MonitorParameters, champion: Version) -> Decision:
    return decide(
        read_history(workshop.store, parameters.name, champion.digest),
        last_trigger(workshop.store, parameters.name),
        datetime.now(UTC),
        Policy(cooldown=timedelta(hours=parameters.cooldown_hours)),
    )


def _start(workshop: Workshop, parameters: MonitorParameters, decision: Decision) -> bool:
    """Start the retraining this decision names, unless somebody else did."""
    trigger = claim_trigger(workshop.store, parameters.name, decision, datetime.now(UTC))
    if trigger is None:
        return False
    asked = _as_last_time(workshop, parameters.name)
    if workshop.settings.prefect_api_url:
        return _start_deployment(workshop, parameters.name, trigger, decision, asked)
    from flows.retraining import retrain

    LOGGER.info("drift: retraining starts here, since no Prefect server is set")
    try:
        retrain(asked)
    except BaseException:
        record_outcome(workshop.store, parameters.name, trigger, "crashed")
        raise
    record_outcome(workshop.store, parameters.name, trigger, "completed")
    return True


def _start_deployment(
    workshop: Workshop, name: str, trigger: Trigger, decision: Decision, asked: RetrainParameters
) -> bool:
    from prefect.deployments import run_deployment

    try:
        run: Any = run_deployment(
            RETRAIN,
            parameters={"parameters": asked.model_dump()},
            timeout=0,
            idempotency_key=decision.idempotency_key,
            tags=["drift", decision.idempotency_key],
            as_subflow=False,
        )
    except BaseException:
        record_outcome(workshop.store, name, trigger, "crashed")
        raise
    LOGGER.info("drift: started retraining as run %s", run.name)
    return True


def _settle(workshop: Workshop, name: str) -> None:
    """Record how the last retraining that drift started has ended, if it has."""
    trigger = last_trigger(workshop.store, name)
    if trigger is None or trigger.outcome != "running" or not workshop.settings.prefect_api_url:
        return
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

    key = f"{trigger.fingerprint}-{trigger.attempt}"
    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[key]))
        runs = client.read_flow_runs(flow_run_filter=wanted)
    state = runs[0].state if runs else None
    if state is not None and state.is_final():
        outcome = "completed" if state.is_completed() else "crashed"
        record_outcome(workshop.store, name, trigger, outcome)


def _as_last_time(workshop: Workshop, name: str) -> RetrainParameters:
    """Return the parameters of the newest retraining of this model, or the defaults."""
    newest = read_summaries(workshop.store, name, newest=1)
    return newest[0].parameters if newest else RetrainParameters(name=name)


def describe(watch: Watch) -> str:
    """Return what was found, as text."""
    lines = [f"Champion version {watch.champion}"]
    lines += [f"- window {window}: {status}" for window, status in watch.windows.items()]
    lines.append(f"{'Retraining started' if watch.started else 'No retraining'}: {watch.reason}")
    return "\n".join(lines)


def write_demo_log(workshop: Workshop, parameters: DemoLogParameters) -> str:
    """Write one window of a demo inference log and return its key."""
    from tasks.demo_desk.inference_log import write_log

    window = parameters.window or _next_window(list_windows(workshop.store, parameters.name))
    return write_log(
        workshop.store,
        parameters.name,
        window,
        drifted=parameters.drifted,
        rows=parameters.rows,
        seed=parameters.seed,
        model=parameters.name,
    )


def _next_window(windows: list[str]) -> str:
    """Return the hour after the newest window, or this hour."""
    hours = [window for window in windows if "T" in window]
    if not hours:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H")
    newest = datetime.strptime(hours[-1], "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return (newest + timedelta(hours=1)).strftime("%Y-%m-%dT%H")
