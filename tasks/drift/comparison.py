"""Compare a window of the inference log with what the champion was trained on.

Takes a judge that knows the reference (`judge.py`), a log's rows, what redacts them and an
embedding function. Writes nothing; `report.py` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from data_contracts.records import Frozen
from tasks.drift.attribution import ANOTHER_MODEL
from tasks.drift.judge import Judge
from tasks.drift.log import WindowLog
from tasks.drift.rows import Rows, rows_of, word_number
from tasks.drift.service import signals as service
from tasks.drift.service.measured import Measured
from tasks.drift.signals.signal import Signal
from tasks.drift.tenants import Tenant, judge_tenants
from tasks.drift.texts import plain, words
from tasks.drift.thresholds import Thresholds

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

NOT_YET = "answers are judged once there are enough of the champion's own"
Status = Literal["quiet", "drifted", "not_enough_data", "unreadable"]


class DriftReport(Frozen):
    """The verdict on a window. Where it could not be judged there are no signals; it isn't quiet.

    `unreadable`: the log is there, and too much of it cannot be read to know anything. `p_value` is
    how often the worst signal of a window without drift deviates as much as this one's.
    """

    status: Status
    reason: str
    reference_rows: int
    window_rows: int
    p_value: float | None = None
    signals: tuple[Signal, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    new_words: tuple[str, ...] = ()


class WindowReport(Frozen):
    """A verdict with the window it is about and what its log was like.

    `since` is the first window where thin ones were put together (`pooling.py`). `rows` are the
    champion's; `refused`, `left_out` and `notes` are the log's (`WindowLog`). `service` says how it
    was served, beside what is usual, and is no part of the verdict; `measured` is what later
    windows are compared with.
    """

    window: str
    since: str = ""
    log_digest: str
    rows: int
    refused: dict[str, int] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    notes: dict[str, int] = Field(default_factory=dict)
    repeated_rows: int
    result: DriftReport
    service: tuple[Signal, ...] = ()
    measured: Measured | None = None


def compare_window(
    reference: Rows,
    log: WindowLog,
    *,
    judge: Callable[[], Judge],
    redact: Callable[[Sequence[tuple[str, str]]], Sequence[Sequence[str]]],
    embed: Embed,
    thresholds: Thresholds,
    answers: Rows | None = None,
    answers_known: bool = True,
    usual: Mapping[str, Measured] | None = None,
) -> WindowReport:
    """Redact a log, as the reference was, and compare the two.

    `reference` is the champion's train split (`reference_rows`), `judge` knows it, and `log` has
    the champion's rows. `redact` gets pairs of question and answer and returns them in the same
    order. `answers` are the champion's own (`answers.py`), `answers_known` whether answers are
    judged at all (`Judge.signals`). `usual` are the windows that its service is compared with
    (`usual.py`). The same log gives the same report.
    """
    rows = log.rows
    sizes = len(reference), len(rows)
    unreadable = _unreadable(log, thresholds)
    measured = None if unreadable or log.total < thresholds.min_rows else log.measured
    served = service.judge(measured, usual or {}, thresholds.service_alarms) if measured else ()
    if unreadable:
        result = _no_verdict("unreadable", unreadable, *sizes)
    elif thin := _thin(*sizes, thresholds.min_rows):
        left = f"; left out: {counted(log.left_out)}" if log.left_out else ""
        result = _no_verdict("not_enough_data", f"{thin}{left}", *sizes)
    else:
        redacted = redact([(row.prompt, row.answer) for row in rows])
        pairs = [(question, answer) for question, answer in redacted]
        result = compare(
            judge(),
            pairs,
            embed,
            answers,
            answers_known=answers_known,
            tenants=[row.tenant for row in rows],
            fewest=thresholds.min_rows,
        )
    return WindowReport(
        window=log.window,
        since=log.since,
        log_digest=log.digest,
        rows=log.total,
        refused=log.refused,
        left_out=log.left_out,
        notes=log.notes,
        repeated_rows=log.repeated_rows,
        result=result,
        service=served,
        measured=measured,
    )


def _thin(reference: int, window: int, fewest: int) -> str:
    """Return which side has too few rows, or nothing."""
    for side, rows in (("reference", reference), ("window", window)):
        if rows < fewest:
            return f"the {side} has {rows} rows; {fewest} are needed"
    return ""


def _unreadable(log: WindowLog, thresholds: Thresholds) -> str:
    """Return why a log says nothing although it is there, or nothing."""
    read = log.total + sum(log.left_out.values()) + log.repeated_rows
    every = read + log.refused_rows
    if every and log.refused_rows / every > thresholds.max_bad_share:
        return f"{log.refused_rows} of {every} rows cannot be read ({counted(log.refused)})"
    if not log.total and set(log.left_out) == {ANOTHER_MODEL}:
        return f"all of its {read} rows are {ANOTHER_MODEL}"
    return ""


def compare(
    judge: Judge,
    pairs: Sequence[tuple[str, str]],
    embed: Embed,
    answers: Rows | None = None,
    *,
    answers_known: bool = True,
    tenants: Sequence[str] = (),
    fewest: int = 50,
) -> DriftReport:
    """Judge redacted questions and answers; the same ones give the same report.

    `tenants` names whose each is; those with at least `fewest` are judged by themselves too.
    """
    rows, standard = judge.scored(rows_of(pairs, embed)), judge.expected(answers)
    signals, p_value = judge.of_scores(rows, standard, answers_known=answers_known)
    parts = judge_tenants(judge, rows, tenants, standard, fewest, answers_known=answers_known)
    fired = [signal.name for signal in signals if signal.drifted]
    apart = [f"{part.tenant}: {', '.join(part.drifted)}" for part in parts if part.drifted]
    later = "" if answers_known else f"; {NOT_YET}"
    of_some = f"; tenants that part ({'; '.join(apart)})" if apart else ""
    return DriftReport(
        status="drifted" if fired else "quiet",
        reason=f"{len(fired)} of {len(signals)} signals drifted ({', '.join(fired) or 'none'})"
        f"{later}{of_some}",
        reference_rows=len(judge.reference),
        window_rows=len(pairs),
        p_value=round(p_value, 6),
        signals=signals,
        tenants=parts,
        new_words=_new_words(judge.reference, [question for question, _ in pairs]),
    )


def counted(reasons: Mapping[str, int]) -> str:
    """Return counts by reason as people read them."""
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def _new_words(reference: Rows, asked: Sequence[str]) -> tuple[str, ...]:
    """Return up to 12 words that the window uses in 5 rows or more and the reference never.

    A word of few rows might be a name that redaction missed, so it is not shown; words of four
    letters and fewer say little.
    """
    known = set(reference.vocabulary.tolist())
    seen: dict[str, int] = {}
    for text in asked:
        for word in {word for word in words(plain(text)) if word_number(word) not in known}:
            seen[word] = seen.get(word, 0) + 1
    often = sorted((-count, word) for word, count in seen.items() if count >= 5 and len(word) > 4)
    return tuple(word for _, word in often[:12])


def _no_verdict(status: Status, reason: str, reference_rows: int, window_rows: int) -> DriftReport:
    return DriftReport(
        status=status, reason=reason, reference_rows=reference_rows, window_rows=window_rows
    )
