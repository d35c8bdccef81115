"""What a signal of drift is: a few scores a row, and how large a change of their means matters.

A new one is a module here with a subclass of `DriftSignal`, and its line in `registry.py`: the
comparison, its limits, the report, the plot and the decision read it from there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from data_contracts.records import Frozen
from tasks.drift.rows import Rows

DIGITS = 6


@dataclass(frozen=True)
class Fitted:
    """A signal that knows its reference.

    `own` are the reference's scores, [n, m]: of each row as if it were not part of the reference.
    `of` maps a window's w rows to theirs, [w, m].
    """

    own: Any
    of: Callable[[Rows], Any]


@dataclass(frozen=True)
class Means:
    """Mean scores, each [m]: what the reference lets expect, and what the window has."""

    expected: Any
    seen: Any


class Signal(Frozen):
    """What a signal found in a window, as reports keep it.

    It drifted where its `deviation` (in standard errors) is above `limit`, and its `statistic`,
    which says how large the change is, at least `threshold`.
    """

    name: str
    unit: str
    compares: str
    statistic: float
    threshold: float
    deviation: float
    limit: float
    drifted: bool
    explanation: str


class DriftSignal(ABC):
    """One kind of change. `threshold` is in `unit`: a smaller change matters to nobody.

    `both_ways` says whether smaller means than the reference's count too, `of_answers` whether it
    is about answers: those are compared with the champion's own (`answers.py`).
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    compares: ClassVar[str]
    threshold: ClassVar[float]
    both_ways: ClassVar[bool]
    of_answers: ClassVar[bool] = False

    @abstractmethod
    def fit(self, reference: Rows) -> Fitted:
        """Return the signal that compares with this reference."""

    @abstractmethod
    def change(self, means: Means) -> tuple[float, str]:
        """Return how large the change is, in `unit`, and what it is in words."""

    def found(self, means: Means, deviation: float, limit: float) -> Signal:
        """Return the verdict on a window, rounded, with the signal's own words."""
        statistic, explanation = self.change(means)
        return Signal(
            name=self.name,
            unit=self.unit,
            compares=self.compares,
            statistic=round(statistic, DIGITS),
            threshold=self.threshold,
            deviation=round(deviation, DIGITS),
            limit=round(limit, DIGITS),
            drifted=deviation > limit and statistic >= self.threshold,
            explanation=explanation,
        )
