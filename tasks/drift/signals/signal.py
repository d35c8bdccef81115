"""What a signal of drift is: one comparison of a window with the reference, and its rule.

A new one is a module here with a subclass of `DriftSignal`, and its line in `registry.py`: the
comparison, the report, the plot and the decision read it from there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from data_contracts.records import Frozen

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

DIGITS = 6


@dataclass(frozen=True)
class Texts:
    """Redacted questions and answers, n of each; placeholders have lost their numbers."""

    prompts: list[str]
    answers: list[str]


@dataclass(frozen=True)
class Sides:
    """What a signal may look at.

    `embed` maps n texts to n unit vectors; `alpha` is the p below which a difference is believed;
    every random choice comes from `seed`.
    """

    reference: Texts
    window: Texts
    embed: Embed
    alpha: float
    seed: int


class Measured(Frozen):
    """What a signal measured: it drifted when `statistic` is above `threshold` (and significant).

    `p_value` is the test's own where it has one; `low` and `high` bound the statistic otherwise.
    """

    statistic: float
    threshold: float
    drifted: bool
    explanation: str
    p_value: float | None = None
    low: float | None = None
    high: float | None = None


class Signal(Measured):
    """A measurement with what its signal says of itself, as reports keep it."""

    name: str
    unit: str
    compares: str
    rule: str


class DriftSignal(ABC):
    """One comparison. `threshold` is in `unit`; `rule` says in words when it counts as drift."""

    name: ClassVar[str]
    unit: ClassVar[str]
    compares: ClassVar[str]
    rule: ClassVar[str]
    threshold: ClassVar[float]

    @abstractmethod
    def measure(self, sides: Sides) -> Measured:
        """Compare the two sides, each of which has rows enough."""

    def signal(self, sides: Sides) -> Signal:
        """Return the measurement, rounded, with the signal's own words."""
        measured = self.measure(sides)
        figures = ("statistic", "threshold", "p_value", "low", "high")
        words = {name: getattr(self, name) for name in ("name", "unit", "compares", "rule")}
        rounded = {
            name: None if value is None else round(value, DIGITS)
            for name, value in measured.model_dump(include=set(figures)).items()
        }
        return Signal.model_validate({**measured.model_dump(), **rounded, **words})
