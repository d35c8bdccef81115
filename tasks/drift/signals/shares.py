"""Signals that are shares of rows: answers that decline or repeat themselves, personal data."""

from __future__ import annotations

from typing import Any, ClassVar

from tasks.drift.rows import Rows
from tasks.drift.signals.signal import DriftSignal, Fitted, Means


class Share(DriftSignal):
    """More or fewer rows of a kind."""

    unit = "change of the share, 0 to 1"
    both_ways = True
    column: ClassVar[str]  # of `Rows`
    said: ClassVar[str]

    def fit(self, reference: Rows) -> Fitted:
        """Nothing is to be learnt: a row is of the kind or not."""

        def scores(rows: Rows) -> Any:
            return getattr(rows, self.column)[:, None].astype(float)

        return Fitted(scores(reference), scores)

    def change(self, means: Means) -> tuple[float, str]:
        """Return how far the share moved."""
        before, now = float(means.expected[0]), float(means.seen[0])
        said = f"{now:.1%} {self.said}, where {max(before, 0.0):.1%} were expected"
        return abs(now - before), said


class Declined(Share):
    """More or fewer answers that abstain or refuse."""

    name = "declined"
    compares = "shares of answers that abstain or refuse"
    threshold = 0.1
    of_answers = True
    column = "declined"
    said = "of the answers decline"


class Repetition(Share):
    """Answers that say the same again: the share of runs of four words that stood there before."""

    name = "repetition"
    unit = "change of the mean share, 0 to 1"
    compares = "how much of an answer repeats itself"
    threshold = 0.05
    of_answers = True
    column = "repeated"
    said = "of an answer repeats itself"


class PersonalData(Share):
    """More or fewer questions with something that redaction took out."""

    name = "personal data"
    compares = "shares of questions in which something was redacted"
    threshold = 0.1
    column = "personal"
    said = "of the questions hold personal data"
