"""The fitted weights of English names: how likely what is known of words makes them a name.

A multinomial logistic regression over the features of a unit and the meanings of its first and last
words, one table for sentences with case and one for those without (`lists/weights.json`, written by
`tests/benchmarks/redaction/names_fit.py`). Plain arithmetic. Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from math import exp
from typing import Any, NamedTuple

from tasks.redaction.names.word_lists import LISTS

KINDS = ("PERSON", "LOCATION", "ORGANIZATION")
WEIGHTS = LISTS / "weights.json"
# The vector of a word, of length 1, or nothing: what a model knows of its meaning.
Meaning = Callable[[str], Any]
_CACHED = 100_000  # words
_NOTHING = (0.0, 0.0, 0.0)


class Scores(NamedTuple):
    """How likely a unit is a name of each kind, in the order of `KINDS`."""

    each: tuple[float, float, float]

    @property
    def any(self) -> float:
        """Return how likely it is a name."""
        return sum(self.each)

    @property
    def kind(self) -> str:
        """Return the likeliest kind."""
        return KINDS[self.each.index(max(self.each))]


class Weights:
    """One of the tables, with the meanings of words that a model has."""

    def __init__(self, table: dict[str, Any], meaning: Meaning | None) -> None:
        import numpy

        self._enough: dict[str, float] = dict(zip(KINDS, table["enough"], strict=True))
        self._rows: dict[str, Sequence[float]] = table["rows"]
        self._meaning = meaning
        self._parts = [numpy.array(table[part], "f") for part in ("first", "last")]
        self._seen: tuple[dict[str, Sequence[float]], ...] = ({}, {})

    def takes(self, scores: Scores) -> bool:
        """Tell whether scores are enough for a name of their likeliest kind."""
        return scores.any >= self._enough[scores.kind]

    def logits(self, features: Sequence[str], words: Sequence[str]) -> list[float]:
        """Return what the features and words add up to, for each kind."""
        total = [0.0, 0.0, 0.0]
        rows = [row for one in dict.fromkeys(features) if (row := self._rows.get(one)) is not None]
        rows.append(self._meant(1, words[-1]))
        if len(words) > 1:
            rows.append(self._meant(0, words[0]))
        for row in rows:
            for number, weight in enumerate(row):
                total[number] += weight
        return total

    def _meant(self, part: int, word: str) -> Sequence[float]:
        seen = self._seen[part]
        if word not in seen:
            if len(seen) > _CACHED:
                seen.clear()
            vector = self._meaning(word) if self._meaning else None
            known = vector is not None and len(vector) == len(self._parts[part])
            seen[word] = tuple((vector @ self._parts[part]).tolist()) if known else _NOTHING
        return seen[word]


def scores_of(logits: Sequence[float]) -> Scores:
    """Return the probabilities that logits stand for, beside that of no name, whose logit is 0."""
    top = max(0.0, *logits)
    parts = [exp(one - top) for one in logits]
    total = exp(-top) + sum(parts)
    return Scores((parts[0] / total, parts[1] / total, parts[2] / total))


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Return the tables as they were fitted: `cased` and `small`."""
    return json.loads(WEIGHTS.read_text(encoding="utf-8"))
