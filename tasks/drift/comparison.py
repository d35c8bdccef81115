"""Compare a window of the inference log with what the champion was trained on.

Takes plain, redacted strings and an embedding function; a verdict needs several signals
(signals/registry.py) to agree, because each alone has false alarms. Writes nothing; `report.py`
does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field

from data_contracts.records import Frozen
from tasks.drift.attribution import ANOTHER_MODEL
from tasks.drift.log import WindowLog
from tasks.drift.signals import registry
from tasks.drift.signals.signal import Sides, Signal, Texts
from tasks.drift.texts import plain, words
from tasks.drift.thresholds import Thresholds

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

Item = TypeVar("Item")
Status = Literal["quiet", "drifted", "not_enough_data", "unreadable"]


class DriftReport(Frozen):
    """The verdict on a window. Where it could not be judged there are no signals; it isn't quiet.

    `unreadable`: the log is there, and too much of it cannot be read to know anything.
    """

    status: Status
    reason: str
    reference_rows: int
    window_rows: int
    signals: tuple[Signal, ...] = ()
    new_words: tuple[str, ...] = ()


class WindowReport(Frozen):
    """A verdict with the window it is about and what its log was like.

    `rows` are the champion's; `refused`, `left_out` and `notes` are the log's (`WindowLog`).
    """

    window: str
    log_digest: str
    rows: int
    refused: dict[str, int] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    notes: dict[str, int] = Field(default_factory=dict)
    repeated_rows: int
    result: DriftReport


def compare_window(
    reference: Sequence[tuple[str, str]],
    log: WindowLog,
    *,
    redact: Callable[[Sequence[tuple[str, str]]], Sequence[Sequence[str]]],
    embed: Embed,
    thresholds: Thresholds,
    seed: int,
) -> WindowReport:
    """Redact a log, as the reference was, and compare the two.

    `reference` holds the questions and answers of the champion's train split, redacted already
    (`read_reference`), and `log` the champion's rows (`of_champion`); `redact` gets the log's, as
    pairs, and returns them in the same order.
    """
    rows = _sample(log.rows, thresholds.max_rows, seed)
    pairs = _sample(reference, thresholds.max_rows, seed)
    unreadable = _unreadable(log, thresholds)
    if unreadable:
        result = _no_verdict("unreadable", unreadable, len(pairs), len(rows))
    else:
        redacted = redact([(row.prompt, row.answer) for row in rows])
        result = compare(
            Texts([prompt for prompt, _ in pairs], [answer for _, answer in pairs]),
            Texts([texts[0] for texts in redacted], [texts[1] for texts in redacted]),
            embed=embed,
            thresholds=thresholds,
            seed=seed,
        )
    if result.status == "not_enough_data" and log.left_out:
        reason = f"{result.reason}; left out: {counted(log.left_out)}"
        result = result.model_copy(update={"reason": reason})
    return WindowReport(
        window=log.window,
        log_digest=log.digest,
        rows=len(log.rows),
        refused=log.refused,
        left_out=log.left_out,
        notes=log.notes,
        repeated_rows=log.repeated_rows,
        result=result,
    )


def _unreadable(log: WindowLog, thresholds: Thresholds) -> str:
    """Return why a log says nothing although it is there, or nothing."""
    read = len(log.rows) + sum(log.left_out.values()) + log.repeated_rows
    every = read + log.refused_rows
    if every and log.refused_rows / every > thresholds.max_bad_share:
        return f"{log.refused_rows} of {every} rows cannot be read ({counted(log.refused)})"
    if not log.rows and set(log.left_out) == {ANOTHER_MODEL}:
        return f"all of its {read} rows are {ANOTHER_MODEL}"
    return ""


def compare(
    reference: Texts, window: Texts, *, embed: Embed, thresholds: Thresholds, seed: int
) -> DriftReport:
    """Compare two sets of redacted questions and answers; the same inputs give the same report."""
    fewest, sizes = thresholds.min_rows, (len(reference.prompts), len(window.prompts))
    for side, rows in zip(("reference", "window"), sizes, strict=True):
        if rows < fewest:
            reason = f"the {side} has {rows} rows; {fewest} are needed"
            return _no_verdict("not_enough_data", reason, *sizes)
    sides = Sides(
        reference=_plain(reference, thresholds, seed),
        window=_plain(window, thresholds, seed),
        embed=embed,
        alpha=thresholds.alpha,
        seed=seed,
    )
    signals = tuple(signal.signal(sides) for signal in registry.SIGNALS)
    return _verdict(signals, sides, thresholds)


def _plain(texts: Texts, thresholds: Thresholds, seed: int) -> Texts:
    prompts, answers = (
        [plain(text) for text in _sample(side, thresholds.max_rows, seed)]
        for side in (texts.prompts, texts.answers)
    )
    return Texts(prompts, answers)


def _verdict(signals: tuple[Signal, ...], sides: Sides, thresholds: Thresholds) -> DriftReport:
    ours, asked = sides.reference.prompts, sides.window.prompts
    fired = [signal.name for signal in signals if signal.drifted]
    drifted = len(fired) >= thresholds.signals
    return DriftReport(
        status="drifted" if drifted else "quiet",
        reason=f"{len(fired)} of {len(signals)} signals drifted ({', '.join(fired) or 'none'}); "
        f"{thresholds.signals} are needed",
        reference_rows=len(ours),
        window_rows=len(asked),
        signals=signals,
        new_words=_new_words(ours, asked),
    )


def counted(reasons: Mapping[str, int]) -> str:
    """Return counts by reason as people read them."""
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def _new_words(ours: list[str], asked: list[str]) -> tuple[str, ...]:
    """Return up to 12 words that the window uses in 5 rows or more and the reference never.

    A word of few rows might be a name that redaction missed, so it is not shown; words of four
    letters and fewer say little.
    """
    known = {word for text in ours for word in words(text)}
    seen: dict[str, int] = {}
    for text in asked:
        for word in set(words(text)) - known:
            seen[word] = seen.get(word, 0) + 1
    often = sorted((-count, word) for word, count in seen.items() if count >= 5 and len(word) > 4)
    return tuple(word for _, word in often[:12])


def _sample(items: Sequence[Item], size: int, seed: int) -> list[Item]:
    import numpy as np

    if len(items) <= size:
        return list(items)
    places = np.random.default_rng(seed).permutation(len(items))[:size]
    return [items[place] for place in sorted(places)]


def _no_verdict(status: Status, reason: str, reference_rows: int, window_rows: int) -> DriftReport:
    return DriftReport(
        status=status, reason=reason, reference_rows=reference_rows, window_rows=window_rows
    )
