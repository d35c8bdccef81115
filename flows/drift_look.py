"""Sum up a look at the inference log, as it is kept and said to people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from data_contracts.inference_log import window_span
from flows.answering_drift import Answer
from flows.champion import Champion
from flows.showing.drift_status import Watch
from tasks.drift.comparison import WindowReport
from tasks.drift.log import unread_files
from tasks.drift.report import share


def watch_of(champion: Champion, reports: Sequence[WindowReport], answered: Answer) -> Watch:
    """Return what the reports on the newest windows come to, and what was done."""
    blind = [
        f"window {report.window}: {report.result.reason}"
        for report in reports
        if report.result.status == "unreadable"
    ]
    return Watch(
        champion=champion.version.version,
        looked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        windows={report.window: report.result.status for report in reports},
        started=answered.started,
        reason=answered.reason,
        alerts=[*blind, *([answered.reason] if answered.alert else [])],
        notes=[*_notes(champion, reports[-1].window), *_apart(reports[-1])],
        worse=_worse(reports[-1]),
        unanswered=answered.alert,
        signals=_signals(reports),
    )


def _signals(reports: Sequence[WindowReport]) -> dict[str, float]:
    """Return how far each signal of the newest window that was judged is on its way to drift."""
    judged = [report.result.signals for report in reports if report.result.signals]
    newest = [*(judged[-1] if judged else ()), *reports[-1].service]
    return {signal.name: share(signal) for signal in newest}


def _worse(report: WindowReport) -> list[str]:
    """Return what of the newest window's service is worse than usual."""
    return [f"{one.name}: {one.explanation}" for one in report.service if one.drifted]


def _apart(report: WindowReport) -> list[str]:
    """Return which tenants of the newest window part from what the champion learned."""
    return [
        f"tenant {one.tenant} parts in {', '.join(one.drifted)}: {one.explanation}"
        for one in report.result.tenants
        if one.drifted
    ]


def _notes(champion: Champion, newest: str) -> list[str]:
    """Return what makes the log look as if it were written elsewhere, or no more."""
    notes: list[str] = []
    if unread := unread_files(champion.workshop.store, champion.name):
        notes.append(f"{unread} files beside the log have names of no window; nobody reads them")
    start, length = window_span(newest)
    silent = datetime.now(UTC) - (start + length)
    if silent > max(length, timedelta(hours=3)):
        hours = silent.total_seconds() / 3600
        notes.append(f"the log's newest window ended {hours:.0f} h ago")
    return notes
