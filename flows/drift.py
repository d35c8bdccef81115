"""`monitor_drift`: compare what the champion is asked with what it learned, and retrain on drift.

Drift in two of the last three windows starts one retraining, whoever looks and however often
(`answering_drift.py`). A log that cannot be read, and drift that nothing answers, end the run with
an error: what nobody hears of is not monitored. A schedule may look before anything serves, and for
a day before the first log is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.errors import ContractError, InputError
from flows.answering_drift import Answer, answer, settle
from flows.asking.drift_parameters import DemoLogParameters, MonitorParameters
from flows.asking.flow_runs import is_scheduled, run_name
from flows.champion import Champion, find_champion, nothing_serves
from flows.drift_look import watch_of
from flows.showing.drift_status import Watch, describe, status_key
from flows.showing.leading_on import served_places
from flows.showing.notifying import notify, worse_event
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import inline_image, publish_page
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.versions import CHAMPION, version_at
from tasks.drift.attribution import Served
from tasks.drift.comparison import WindowReport, counted
from tasks.drift.decision import OF, Decision, Policy, WindowResult, decide
from tasks.drift.log import list_windows, unread_files
from tasks.drift.pooling import unjudged_before
from tasks.drift.report import markdown, read_report
from tasks.drift.steps import answers_step, compare_step, judge_of, reference_step
from tasks.drift.triggers import last_trigger, read_history, result_of
from tasks.drift.usual import usual_before

STEP = "drift"
DEFAULTS = MonitorParameters()
FIRST_LOG_WITHIN = timedelta(hours=24)  # of a champion; then a missing log is an outage


@flow(name="monitor_drift", flow_run_name=run_name)
def monitor_drift(parameters: MonitorParameters = DEFAULTS) -> State[Watch | None]:
    """Compare the newest windows with the champion's training data; retrain if they drifted."""
    workshop = Workshop(read_settings())
    if is_scheduled() and (nothing := _nothing_yet(workshop, parameters.name)):
        LOGGER.info("%s", nothing)
        return Completed(message=nothing, data=None)
    champion = find_champion(workshop, parameters.name, STEP)
    windows = list_windows(workshop.store, champion.name)
    history = _history(champion)
    if parameters.since or parameters.until:
        said = _catch_up(champion, parameters, windows, history)
        return Completed(message=said, data=None)
    if not windows:
        raise _no_log(workshop, champion.name)
    reports = _compare(champion, windows, windows[-OF:], history)
    settle(champion)
    decision = _decide(champion, parameters, history)
    answered = Answer(reason=decision.reason, alert=decision.alert)
    if decision.start and parameters.retrain:
        answered = answer(champion, decision, parameters.source, parameters.start)
    watch = watch_of(champion, reports, answered)
    for line in (answered.reason, *(f"served worse, {one}" for one in watch.worse), *watch.notes):
        LOGGER.info("drift: %s", line)
    notify(workshop, *(worse_event(parameters.name, one) for one in watch.worse))
    workshop.store.write(status_key(parameters.name), watch.model_dump_json().encode())
    publish_page(
        "drift-decision",
        describe(watch),
        "Whether drift starts a retraining",
        places=served_places(workshop, parameters.name),
        to_do=_next(watch, parameters.name),
    )
    if watch.alerts:
        raise ContractError(
            "; ".join(watch.alerts),
            step=STEP,
            where=f"{champion.name} version {watch.champion}",
            remedy="look at the windows' reports; this stays an error until a look finds none",
        )
    return Completed(message=f"Version {watch.champion}: {answered.reason}.", data=watch)


def _next(watch: Watch, name: str) -> str:
    """Return what somebody does after a look at the log."""
    if watch.alerts:
        return "look at the windows' reports (artifacts `drift-…`); an error stays until none is."
    if watch.started:
        return "a retraining began: its candidate waits for approvers when it passes its gates."
    return f"nothing; `paddock review --name {name} --of served` asks people about what it said."


def _nothing_yet(workshop: Workshop, name: str) -> str:
    """Return why a schedule has nothing to compare yet; empty if it has, or ought to have."""
    if nothing_serves(workshop, name, STEP):
        return f"Nothing to compare: {name} has no champion yet."
    since = find_champion(workshop, name, STEP).since
    if list_windows(workshop.store, name) or datetime.now(UTC) - since > FIRST_LOG_WITHIN:
        return ""
    hours = FIRST_LOG_WITHIN // timedelta(hours=1)
    return (
        f"Nothing to compare: no inference log yet of the champion that serves since "
        f"{since:%Y-%m-%d %H:%M}; {hours} hours after it that is an error."
    )


def _catch_up(
    champion: Champion,
    parameters: MonitorParameters,
    windows: Sequence[str],
    history: dict[str, WindowResult],
) -> str:
    """Compare the windows of some days that nobody has; return what came of it."""
    until = parameters.until or "9999-12-31"
    late = [
        window
        for window in windows
        if parameters.since <= window[:10] <= until and window not in history
    ]
    reports = _compare(champion, windows, late, history) if late else []
    found = Counter(report.result.status for report in reports)
    told = ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
    return (
        f"{len(late)} windows compared late with version {champion.version.version}"
        f"{f': {told}' if told else ''}; nothing is started."
    )


def _history(champion: Champion) -> dict[str, WindowResult]:
    """Return the verdicts on windows compared with the champion, by window, oldest first."""
    found = read_history(champion.workshop.store, champion.name, champion.version.digest)
    return {one.window: one for one in found}


def _compare(
    champion: Champion,
    windows: Sequence[str],
    wanted: Sequence[str],
    history: dict[str, WindowResult],
) -> list[WindowReport]:
    """Compare some windows, of all that there are, with what the champion learned.

    What comes of each goes into `history`: hundreds of small objects are read once a look.
    """
    workshop, name = champion.workshop, champion.name
    served = Served(
        name=name,
        version=champion.version.version,
        digest=champion.version.digest,
        since=champion.since,
    )
    redactor = workshop.redactor_of(champion.snapshot)
    build_redactor = cache(redactor)  # three windows, one loading of the names model
    with stage("what it was trained on"):
        reference = reference_step(workshop.outputs, champion.snapshot).reference
    build_judge = cache(lambda: judge_of(workshop.outputs, reference))
    with stage("how it answered at first"):
        answers = answers_step(
            workshop.outputs,
            name,
            windows,
            served,
            reference,
            redactor.identity(),
            build_redactor,
        )
    reports: list[WindowReport] = []
    for window in wanted:
        with stage(f"window {window}"):
            built = compare_step(
                workshop.outputs,
                name,
                window,
                unjudged_before(window, windows, history.values()),
                served,
                reference,
                redactor.identity(),
                build_redactor,
                build_judge,
                answers,
                usual_before(
                    workshop.store, name, champion.version.digest, window, history.values()
                ),
            )
        folder = workshop.outputs.fetch(built.reference)
        reports.append(read_report(folder))
        history[window] = result_of(reports[-1], served.digest)
        _show(reports[-1], inline_image(folder / "report.png", "drift signals"))
    return reports


def _show(report: WindowReport, image: str) -> None:
    LOGGER.info("  window %s: %s (%s)", report.window, report.result.status, report.result.reason)
    odd = {"left out": report.left_out, "cannot be read": report.refused, "notes": report.notes}
    for title, counts in odd.items():
        if counts:
            LOGGER.info("    %s: %s", title, counted(counts))
    page = f"{markdown(report)}\n\n{image}"
    publish_page(f"drift-{report.window.lower()}", page, f"Drift of window {report.window}")


def _no_log(workshop: Workshop, name: str) -> InputError:
    unread = unread_files(workshop.store, name)
    beside = f" ({unread} files there have names of no window)" if unread else ""
    return InputError(
        f"there is no inference log{beside}",
        step=STEP,
        where=f"{workshop.store.uri}/inference/{name}",
        remedy="let serving write its log there, an object a window, as 2026-03-01T14.jsonl, or "
        "try `paddock demo-log`",
    )


def _decide(
    champion: Champion, parameters: MonitorParameters, history: Mapping[str, WindowResult]
) -> Decision:
    return decide(
        [history[window] for window in sorted(history)],
        last_trigger(champion.workshop.store, champion.name),
        datetime.now(UTC),
        Policy(cooldown=timedelta(hours=parameters.cooldown_hours)),
    )


def write_demo_log(workshop: Workshop, parameters: DemoLogParameters) -> str:
    """Write one window of a demo inference log and return its key."""
    from tasks.demo_desk.inference_log import write_log

    champion = version_at(workshop.registry, parameters.name, CHAMPION)
    window = parameters.window or _next_window(list_windows(workshop.store, parameters.name))
    return write_log(
        workshop.store,
        parameters.name,
        window,
        drifted=parameters.drifted,
        rows=parameters.rows,
        seed=parameters.seed,
        version=champion.version if champion else None,
    )


def _next_window(windows: list[str]) -> str:
    """Return the hour after the newest window, or this hour."""
    hours = [window for window in windows if "T" in window]
    if not hours:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H")
    newest = datetime.strptime(hours[-1], "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return (newest + timedelta(hours=1)).strftime("%Y-%m-%dT%H")
