"""What a week of one model was like, gathered from what is recorded anyway.

From the release ledger (what served), the summaries of runs, the trainings' records (time, cost),
drift's verdicts and answers, the inference log's figures, people's ratings, and Prefect's runs that
failed. A source that is not there is said to be missing, never left out. Writes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_contracts.errors import PaddockError
from data_contracts.inference_log import window_span
from data_contracts.records import Frozen
from flows.asking.report_parameters import Week
from flows.showing.failed_runs import failed_runs
from flows.showing.history import tenures_of
from flows.showing.rated import rated_words, ratings_now
from flows.workshop.parts import Workshop
from model_registry.candidates import list_candidates
from model_registry.dossier import read_dossier
from model_registry.ledger.rows import Approver
from model_registry.standing import whole_rows
from tasks.drift.decision import WindowResult
from tasks.drift.triggers import every_trigger
from tasks.finetuning.week import spent_between
from tasks.inference_log.figures import Figures, LogFigures, read_figures

STEP = "weekly report"
MOST = 30  # lines of a table: more are counted


class Part(Frozen):
    """A part of the report: one sentence, and a table where there is more to say."""

    title: str
    sentence: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class WeeklyReport(Frozen):
    """The week of a model. Times are UTC."""

    name: str
    week: str
    since: str
    until: str
    made_at: str
    parts: tuple[Part, ...]

    @property
    def sentences(self) -> str:
        """Return the parts' sentences, as a message has them."""
        return " ".join(part.sentence for part in self.parts)


def gather(workshop: Workshop, name: str, week: Week, now: datetime) -> WeeklyReport:
    """Return the report. What refuses to be read stands in its part, with its reason."""
    parts = (
        ("What served", _served),
        ("Candidates", _candidates),
        ("What people said", _people),
        ("Requests", _requests),
        ("Drift", _drift),
        ("Training time and cost", _spent),
        ("What failed", _failed),
    )
    told: list[Part] = []
    for title, look in parts:
        try:
            told.append(look(title, workshop, name, week))
        except PaddockError as refusal:
            told.append(Part(title=title, sentence=f"It could not be read: {refusal.what}."))
    until = min(week.until, now)
    return WeeklyReport(
        name=name,
        week=week.name,
        since=_minute(week.since),
        until=_minute(until),
        made_at=_minute(now),
        parts=tuple(told),
    )


def _served(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    tenures = [
        one
        for one in tenures_of(whole_rows(workshop.registry, name, STEP))
        if one.since < week.until and (one.until is None or one.until > week.since)
    ]
    rows = tuple(
        (
            _minute(max(one.since, week.since)),
            _minute(one.until) if one.until and one.until < week.until else "still",
            f"version {one.row.serves.version}" if one.row.serves else "nothing",
            one.row.action,
            ", ".join(map(_approver, one.row.people)) or "-",
            one.row.reason,
        )
        for one in tenures
    )
    moves = sum(one.since >= week.since for one in tenures)
    serving = [one.row.serves.version for one in tenures if one.row.serves]
    if not serving:
        sentence = "Nothing served."
    else:
        versions = ", ".join(map(str, dict.fromkeys(serving)))
        sentence = f"Version {versions} served; the champion moved {_times(moves)}."
    head = ("from", "until", "what served", "by", "approved by", "reason")
    return _part(title, sentence, head, rows)


def _approver(one: Approver) -> str:
    return f"{one.person} ({one.reason})" if one.reason else one.person


def _candidates(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    runs = list(_summaries(workshop, name, week))
    rows = tuple(
        (
            _minute(datetime.fromisoformat(run["finished_at"])),
            f"candidate {run['version']}",
            "passed" if run["passed"] else "refused",
            "; ".join(gate["gate"] for gate in run["gates"] if not gate["passed"]) or "-",
        )
        for run in runs
    )
    passed = sum(bool(run["passed"]) for run in runs)
    sentence = f"{len(runs)} runs ended in a candidate; {passed} of them passed its gates."
    return _part(
        title, _none_of(runs, sentence, "No run ended in a candidate."), _CANDIDATE_HEAD, rows
    )


_CANDIDATE_HEAD = ("finished", "candidate", "gates", "refused by")


def _summaries(workshop: Workshop, name: str, week: Week) -> Iterator[dict[str, Any]]:
    """Yield the summaries of the runs that ended in the week, the first first."""
    for key in sorted(workshop.store.keys(f"runs/{name}")):
        summary = json.loads(workshop.store.read(key))
        if week.since <= datetime.fromisoformat(summary["finished_at"]) < week.until:
            yield summary


def _people(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    for candidate in list_candidates(workshop.registry, name):
        try:
            dossier = read_dossier(workshop.registry, candidate, workshop.keys)
        except PaddockError:  # nobody has judged it yet
            continue
        said = ratings_now(workshop, name, dossier)
        if said is None:
            break
        words = rated_words(said) or "nobody has rated its answers yet"
        return Part(title=title, sentence=f"Of candidate {candidate.version}, as of now: {words}.")
    return Part(title=title, sentence="No ratings of a candidate's answers are known here.")


def _requests(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    last = (week.until - timedelta(days=1)).date().isoformat()
    with TemporaryDirectory(prefix="paddock-week-") as scratch:
        found = read_figures(
            workshop.store, name, week.since.date().isoformat(), last, Path(scratch), by_day=True
        )
    if not found.days:
        return Part(title=title, sentence="No requests were logged.")
    rows = tuple(
        (*group[:2], f"{one.rows:,}", *_log_cells(one))
        for group, one in sorted(found.groups.items())
    )
    return _part(title, _log_sentence(found), _LOG_HEAD, rows)


_LOG_HEAD = ("day", "version", "requests", "tokens", "seconds p95", "cut", "rated good", "cost")


def _log_sentence(found: LogFigures) -> str:
    usable = sum(one.rows for one in found.groups.values())
    refused, cost = sum(found.refused.values()), sum(one.cost for one in found.groups.values())
    words = f"{usable:,} requests in {found.days} days; {refused:,} rows of the log were refused"
    if found.refused:
        reason, most = found.refused.most_common(1)[0]
        words += f" ({most:,} of them: {reason})"
    return f"{words}; they cost {cost:.2f}." if cost else f"{words}."


def _log_cells(one: Figures) -> tuple[str, ...]:
    tokens = f"{one.prompt_tokens + one.answer_tokens:,}" if one.counted else "-"
    slow = one.seconds.quantile(0.95)
    good = f"{one.good / one.rated:.2f} of {one.rated:,}" if one.rated else "-"
    return (
        tokens,
        "-" if slow is None else f"{slow:.3g}",
        f"{one.cut:,}",
        good,
        f"{one.cost:.2f}" if one.cost else "-",
    )


def _drift(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    results = [
        WindowResult.model_validate_json(workshop.store.read(key))
        for key in workshop.store.keys(f"drift/{name}/verdicts")
        if week.since <= window_span(Path(key).stem)[0] < week.until
    ]
    triggers = [
        one
        for one in every_trigger(workshop.store, name)
        if week.since <= one.claimed_at < week.until
    ]
    odd = sorted((one for one in results if one.status != "quiet"), key=lambda one: one.window)
    rows = (
        *((one.window, one.status, one.reason) for one in odd),
        *(
            (_minute(one.claimed_at), f"retraining: {one.outcome.replace('_', ' ')}", one.window)
            for one in triggers
        ),
    )
    counts = Counter(one.status for one in results)
    words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    started = f"; it started {_times(len(triggers), 'retraining')}" if triggers else ""
    sentence = f"{len(results)} windows were compared: {words}{started}."
    none = _none_of(results, sentence, "No window was compared.")
    return _part(title, none, ("window", "verdict", "why"), rows)


def _spent(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    spent = spent_between(workshop.outputs, name, week.since, week.until, None)
    if not spent.trainings:
        return Part(title=title, sentence="No training ended.")
    cost = f" and cost {spent.cost:.2f}" if spent.cost else ""
    words = f"{spent.trainings} trainings took {spent.gpu_hours:.2f} GPU hours{cost}"
    limits = [
        f"{limit:g} {what} in seven days"
        for what, limit in (
            ("GPU hours", workshop.settings.week_gpu_hours),
            ("in cost", workshop.settings.week_cost),
        )
        if limit is not None
    ]
    allowed = f"; what runs by itself may take {' and '.join(limits)}" if limits else ""
    return Part(title=title, sentence=f"{words}{allowed}.")


def _failed(title: str, workshop: Workshop, name: str, week: Week) -> Part:
    if not workshop.settings.shared_prefect:
        return Part(
            title=title, sentence="No Prefect server keeps runs here, so nobody knows what failed."
        )
    runs = failed_runs(name, week.since, week.until)
    rows = tuple(
        (_minute(run.start_time), flow, run.name, run.state_name or "", run.state.message or "")
        for flow, run in runs
    )
    sentence = f"{len(runs)} runs failed or crashed."
    none = _none_of(runs, sentence, "No run failed.")
    return _part(title, none, ("started", "flow", "run", "state", "what it said"), rows)


def _part(
    title: str, sentence: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> Part:
    """Return a part with so many lines of its table as people read, and the rest counted."""
    shown = tuple(rows[-MOST:])
    if len(rows) > MOST:
        sentence += f" The last {MOST} of {len(rows):,} lines are shown."
    return Part(title=title, sentence=sentence, head=head if shown else (), rows=shown)


def _none_of(found: Sequence[Any], sentence: str, none: str) -> str:
    return sentence if found else none


def _times(count: int, what: str = "time") -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
