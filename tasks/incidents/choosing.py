"""Which requests of a window are kept, and which of those are asked again.

A sample by the hash of an id: the same rows give the same sample, whatever order they come in, and
a smaller one is part of a larger. Pure functions; memory holds what is kept alone.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from data_contracts.inference_log import LogRow
from tasks.inference_log.items import sealed_id
from tasks.redaction.kinds import PLACEHOLDER

WORST = 20  # requests that a bundle shows for what went wrong with them
NO_ANSWER = "no answer was recorded, so there is nothing to compare with"
FROM_INDEX = "answered from an index, whose passages the log does not keep"
CUT_PROMPT = "the prompt did not fit whole, and the log does not say what was left out"


class Keeping:
    """Keeps a sample of `most` rows, and the worst ones, as rows come."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most, self._looked = most, 0
        self._sample: list[_Ranked] = []
        self._worst: list[_Ranked] = []

    def add(self, row: LogRow, *, failed: bool) -> None:
        """Look at a row."""
        self._looked += 1
        place = place_of(sealed_id(row.id))
        _push(self._sample, _Ranked((-place,), self._looked, row), self._most)
        badness = _badness(row, failed=failed)
        if badness[0]:
            _push(self._worst, _Ranked(badness, -self._looked, row), WORST)

    @property
    def sample(self) -> list[LogRow]:
        """Return the sample in order of time."""
        return sorted(map(_row, self._sample), key=lambda row: (row.time, row.id))

    @property
    def worst(self) -> list[LogRow]:
        """Return the worst, the worst first."""
        return [_row(one) for one in sorted(self._worst, key=lambda one: one[:2], reverse=True)]


class _Ranked(NamedTuple):
    """A row with its rank; no two are looked at with the same number, so rows are not compared."""

    rank: tuple[float, ...]
    number: int
    row: LogRow


def _row(ranked: _Ranked) -> LogRow:
    """Return a row as it may be kept: an id that is no plain key may be somebody's address."""
    return ranked.row.model_copy(update={"id": sealed_id(ranked.row.id)})


def _push(heap: list[_Ranked], entry: _Ranked, most: int) -> None:
    """Keep the `most` largest."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def _badness(row: LogRow, *, failed: bool) -> tuple[float, ...]:
    """Return how bad a request was: failed, then rated badly, then cut, then slow."""
    said = row.feedback.good if row.feedback else None
    cut = bool(row.truncated) or row.finish_reason == "length"
    grade = 4 if failed else 3 if said is not None and said < 0.5 else 2 if cut else 0
    slow = row.seconds or 0.0
    return (grade or (1 if slow else 0), slow)


def place_of(identity: str) -> int:
    """Return a request's place in the one order that samples are drawn in."""
    return int(hashlib.sha256(identity.encode()).hexdigest()[:16], 16)


def has_placeholders(row: LogRow) -> bool:
    """Tell whether the model is asked something else now than then: a value was taken out."""
    asked = (row.prompt, *(turn.content for turn in row.messages))
    return any(PLACEHOLDER.search(text) for text in asked)


class Chosen(NamedTuple):
    """What is asked again, in order of time; how many are not, and why."""

    rows: list[LogRow]
    left_out: dict[str, int]
    beyond: int


def choose(rows: Iterable[LogRow], most: int) -> Chosen:
    """Choose at most so many of the requests that can be asked again."""
    fit: list[LogRow] = []
    left_out = Counter[str]()
    for row in rows:
        if why := why_not(row):
            left_out[why] += 1
        else:
            fit.append(row)
    kept = heapq.nsmallest(most, fit, key=lambda row: place_of(row.id))
    kept.sort(key=lambda row: (row.time, row.id))
    return Chosen(kept, dict(left_out), len(fit) - len(kept))


def why_not(row: LogRow) -> str:
    """Return why a request cannot be asked again; empty if it can."""
    if not row.answer.strip():
        return NO_ANSWER
    if row.index or row.hits:
        return FROM_INDEX
    return CUT_PROMPT if row.truncated else ""
