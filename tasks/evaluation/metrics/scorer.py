"""What a metric is: how one answer to one case is scored, and what its figures are.

A metric is one class in one module of this folder, and one line in registry.py. Its class says its
own name (what a card's `scorer` names), what a case must say is expected, and of each figure the
unit and the direction; scorecard, report, plot, summary and gates read them from there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

from eval_sets.types import Expectation
from model_registry.scorecard import SHARE, Unit

Score = float | None
Expected = TypeVar("Expected", bound=Expectation)


class Figure(NamedTuple):
    """A figure that a metric gives: what it counts, and whether more of it is better."""

    name: str
    higher_is_better: bool
    unit: Unit = SHARE


class Answer(NamedTuple):
    """An answer: its text and its length in tokens, and the user's words that it answers.

    `claim_terms` are the eval set's: names that count as a claim when an answer says them.
    """

    text: str
    question: str = ""
    tokens: int = 0
    claim_terms: tuple[str, ...] = ()


class Scorer(ABC, Generic[Expected]):
    """A metric. Light to import: what it needs for scoring is imported where it scores.

    `right` is the figure that says whether an answer is right (1) or wrong (0), if one does: the
    model's confidence in its answers is held against it.
    """

    name: ClassVar[str]
    figures: ClassVar[tuple[Figure, ...]]
    right: ClassVar[str] = ""
    expects: type[Expected]

    @abstractmethod
    def score(self, answer: Answer, expected: Expected) -> dict[str, Score]:
        """Return one answer's score for every figure; None where a figure does not apply."""
