"""Calibration of what a model says of its own certainty: "Paris. Confidence: 90%".

Scored by Brier's rule, the square of the difference between the stated probability and what came
true (Brier, 1950, Monthly Weather Review 78, 1-3): 0 is best, 0.25 what "50%" on everything gets,
1 worst. It is proper: a model does best to say what it believes. An answer that states no
confidence counts as one of 50%. What the model's own probabilities say is in confidence.py beside
this folder.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from eval_sets.types import Expectation, Line
from model_registry.scorecard import Unit
from tasks.evaluation.metrics.atoms import find, read_atoms
from tasks.evaluation.metrics.scorer import Answer, Figure, Score, Scorer

BRIER = Unit(name="Brier score", low=0.0, high=1.0, digits=3)
UNSTATED = 0.5
_PERCENT = r"(?P<{}>\d{{1,3}}(?:\.\d+)?)\s*(?:%|percent|per cent)"
_STATED = re.compile(
    rf"(?:confiden\w*|certain\w*|sure|probability|likel\w*)[^.\n%]{{0,30}}?{_PERCENT.format('after')}"
    rf"|{_PERCENT.format('before')}\s*(?:confiden\w*|certain\w*|sure|probab\w*|likel\w*)",
    re.IGNORECASE,
)


class StatedConfidence(Expectation):
    """A question whose prompt asks for a confidence in percent, too; `answers` are alternatives."""

    scorer: Literal["stated_confidence"]
    answers: tuple[Line, ...] = Field(min_length=1)


class StatedConfidenceScorer(Scorer[StatedConfidence]):
    """Accuracy, the Brier score of the confidence that answers state, and how many state one."""

    name = "stated_confidence"
    expects = StatedConfidence
    figures = (
        Figure("accuracy", higher_is_better=True),
        Figure("brier", higher_is_better=False, unit=BRIER),
        Figure("stated", higher_is_better=True),
    )
    right = "accuracy"

    def score(self, answer: Answer, expected: StatedConfidence) -> dict[str, Score]:
        """Score one answer."""
        stated, rest = confidence(answer.text)
        atoms = read_atoms(rest)
        right = float(any(find(read_atoms(one), atoms) for one in expected.answers))
        return {
            "accuracy": right,
            "brier": ((UNSTATED if stated is None else stated) - right) ** 2,
            "stated": float(stated is not None),
        }


def confidence(text: str) -> tuple[float | None, str]:
    """Return the last confidence that a text states, from 0 to 1, and the text without it."""
    found = [match for match in _STATED.finditer(text) if _share(match) <= 1]
    if not found:
        return None, text
    last = found[-1]
    return _share(last), f"{text[: last.start()]} {text[last.end() :]}"


def _share(match: re.Match[str]) -> float:
    return float(match["after"] or match["before"]) / 100
