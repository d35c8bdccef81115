"""Compare a window of the inference log with what the champion was trained on.

Takes plain, redacted strings and an embedding function; a verdict needs several signals to agree,
because each alone has false alarms. Writes nothing; `report.py` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen
from tasks.drift.log import WindowLog
from tasks.drift.signals import (
    Signal,
    Thresholds,
    declined_signal,
    embedding_signal,
    length_signal,
    vocabulary_signal,
)
from tasks.drift.texts import plain, words

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

Item = TypeVar("Item")
Status = Literal["quiet", "drifted", "not_enough_data"]


class DriftReport(Frozen):
    """The verdict on a window. Without enough data there are no signals, and it is not quiet."""

    status: Status
    reason: str
    reference_rows: int
    window_rows: int
    signals: tuple[Signal, ...] = ()
    new_words: tuple[str, ...] = ()


class WindowReport(Frozen):
    """A verdict with the window it is about and what its log was like."""

    window: str
    log_digest: str
    rows: int
    bad_rows: int
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
    (`read_reference`); `redact` gets the log's, as pairs, and returns them in the same order.
    """
    rows = _sample(log.rows, thresholds.max_rows, seed)
    pairs = _sample(reference, thresholds.max_rows, seed)
    broken = log.bad_rows / max(1, log.bad_rows + len(log.rows))
    if broken > thresholds.max_bad_share:
        reason = f"{log.bad_rows} of {log.bad_rows + len(log.rows)} rows cannot be read"
        result = _not_enough(reason, len(pairs), len(rows))
    else:
        redacted = redact([(row.prompt, row.answer) for row in rows])
        result = compare(
            [prompt for prompt, _ in pairs],
            [answer for _, answer in pairs],
            [texts[0] for texts in redacted],
            [texts[1] for texts in redacted],
            embed=embed,
            thresholds=thresholds,
            seed=seed,
        )
    return WindowReport(
        window=log.window,
        log_digest=log.digest,
        rows=len(log.rows),
        bad_rows=log.bad_rows,
        repeated_rows=log.repeated_rows,
        result=result,
    )


def compare(
    reference_prompts: Sequence[str],
    reference_answers: Sequence[str],
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    embed: Embed,
    thresholds: Thresholds,
    seed: int,
) -> DriftReport:
    """Compare two sets of redacted questions and answers; the same inputs give the same report."""
    fewest = thresholds.min_rows
    for side, rows in (("reference", reference_prompts), ("window", prompts)):
        if len(rows) < fewest:
            reason = f"the {side} has {len(rows)} rows; {fewest} are needed"
            return _not_enough(reason, len(reference_prompts), len(prompts))
    ours, our_answers, asked, answered = (
        [plain(text) for text in _sample(side, thresholds.max_rows, seed)]
        for side in (reference_prompts, reference_answers, prompts, answers)
    )
    signals = (
        length_signal("question length", ours, asked, thresholds),
        length_signal("answer length", our_answers, answered, thresholds),
        vocabulary_signal(ours, asked, thresholds, seed),
        _embedding(ours, asked, embed, thresholds, seed),
        declined_signal(our_answers, answered, thresholds),
    )
    return _verdict(signals, ours, asked, thresholds)


def _verdict(
    signals: tuple[Signal, ...], ours: list[str], asked: list[str], thresholds: Thresholds
) -> DriftReport:
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


def _embedding(
    ours: list[str], asked: list[str], embed: Embed, thresholds: Thresholds, seed: int
) -> Signal:
    import numpy as np

    before, now = embed(ours), embed(asked)
    if not (np.isfinite(before).all() and np.isfinite(now).all()):
        raise PaddockError("the embedding model returned NaN", step="drift", where="embedding")
    return embedding_signal(before, now, _groups(ours, asked), thresholds, seed)


def _groups(ours: list[str], asked: list[str]) -> list[int]:
    """Number equal texts alike; where a side says ten things only, every row stands for itself."""
    if min(len(set(ours)), len(set(asked))) < 10:
        return list(range(len(ours) + len(asked)))
    numbers: dict[str, int] = {}
    return [numbers.setdefault(" ".join(words(text)), len(numbers)) for text in [*ours, *asked]]


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


def _not_enough(reason: str, reference_rows: int, window_rows: int) -> DriftReport:
    return DriftReport(
        status="not_enough_data",
        reason=reason,
        reference_rows=reference_rows,
        window_rows=window_rows,
    )
