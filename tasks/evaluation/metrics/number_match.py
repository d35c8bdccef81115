"""Answers whose point is a number: is it the right one, however it is written?

"1,250", "1250" and "one thousand two hundred fifty" are one number, "1.25 kg" and "1,250 grams" one
quantity, "8%" and "8 percent"; "89" and "890" are two, as are "12 months" and "12 years". Of an
answer that reckons aloud the last number counts, as is usual for GSM8K (Cobbe et al., 2021,
arXiv:2110.14168).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import Field

from eval_sets.types import Expectation, Line
from tasks.evaluation.metrics.atoms import Atom, read_atoms
from tasks.evaluation.metrics.scorer import Answer, Figure, Score, Scorer

_FIGURES = frozenset({"number", "quantity"})


class NumberMatch(Expectation):
    """The number that an answer should come to, with its unit if it has one ("89 euros").

    `tolerance` is relative: 0.01 accepts one percent off. An answer without a unit is taken to mean
    the one expected, and where none is expected any will do.
    """

    scorer: Literal["number_match"]
    number: Line
    counts: Literal["last", "first", "any"] = "last"
    tolerance: float = Field(default=0.0, ge=0)


class NumberMatchScorer(Scorer[NumberMatch]):
    """The share of answers whose last (first, any) number is the right one."""

    name = "number_match"
    expects = NumberMatch
    figures = (Figure("accuracy", higher_is_better=True),)
    right = "accuracy"

    def score(self, answer: Answer, expected: NumberMatch) -> dict[str, Score]:
        """Score one answer; ValueError where what is expected is not one number."""
        wanted = figures_of(expected.number)
        if len(wanted) != 1:
            raise ValueError("what is expected is not one number")
        said = figures_of(answer.text)
        counted = {"last": said[-1:], "first": said[:1], "any": said}[expected.counts]
        right = any(agrees(one, wanted[0], expected.tolerance) for one in counted)
        return {"accuracy": float(right)}


def figures_of(text: str) -> list[Atom]:
    """Return the numbers and quantities of a text, in order."""
    return [atom for atom in read_atoms(text) if atom.kind in _FIGURES]


def agrees(said: Atom, wanted: Atom, tolerance: float = 0.0) -> bool:
    """Tell whether a number that was said is the one that is wanted."""
    if said.kind == wanted.kind == "quantity":
        if said.unit != wanted.unit:
            return False
        one, other = said.value, wanted.value
    else:
        one, other = _as_written(said), _as_written(wanted)
    return abs(one - other) <= Fraction(tolerance) * abs(other)


def _as_written(atom: Atom) -> Fraction:
    """Return a figure's number before its unit was made canonical."""
    return Fraction(atom.text) if atom.kind == "quantity" else atom.value
