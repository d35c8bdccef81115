"""Answers to a question about a passage: does the passage hold what they say?

What an answer says are its figures (numbers, quantities, times, addresses) and its words, without
those of the question and the small words of English. A figure is supported if the passage has it,
however written; a word if the passage has it, apart from its ending. A name (a word with a capital
within a sentence, or in an answer of three words at most) or a figure that neither the passage nor
the question has is an invention. So this reads wording: a right answer in words of its own is
supported in part, one that turns the passage's words round fully, and what is made up without a
name or a figure is no invention here. Whether an answer *follows* from the passage is for a judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field, model_validator

from eval_sets.types import Expectation, Line
from tasks.evaluation.metrics.atoms import Atom, find, read_atoms, same
from tasks.evaluation.metrics.scorer import Answer, Figure, Score, Scorer
from tasks.models.refusals import abstains

SHORT = 3  # words of a sentence that may be nothing but a name
_FIGURES = frozenset({"number", "quantity", "time", "contact"})
_ENDING = re.compile(r"(?<=\w{4})(?:ing|ed|es|ly|s)$")
_SMALL = frozenset(
    "a an and are as at be been but by can did do does for from had has have he her him"  # noqa: SIM905
    " his how i if in is it its may more most no not of on or our she should so some such than that"
    " the their them then there these they this those to was we were what when where which who whom"
    " whose why will with would yes you your answer passage text according".split()
)


class Grounded(Expectation):
    """An answer that must come from a passage, which the prompt holds as well.

    Where the passage does not hold it (`answerable` false) the right answer is to say so; `answers`
    are alternatives of what a right one says.
    """

    scorer: Literal["grounded"]
    passage: Line
    answerable: bool = True
    answers: tuple[Line, ...] = Field(default=())

    @model_validator(mode="after")
    def _answers_belong_to_the_answerable(self) -> Grounded:
        if self.answerable != bool(self.answers):
            raise ValueError("answers belong to answerable questions, and to no others")
        return self


class GroundedScorer(Scorer[Grounded]):
    """Accuracy and support where the passage answers, abstention where not; invention anywhere."""

    name = "grounded"
    expects = Grounded
    figures = (
        Figure("accuracy", higher_is_better=True),
        Figure("support", higher_is_better=True),
        Figure("invention", higher_is_better=False),
        Figure("abstention", higher_is_better=True),
    )
    right = "accuracy"

    def score(self, answer: Answer, expected: Grounded) -> dict[str, Score]:
        """Score one answer; saying that one does not know invents nothing and has no support."""
        atoms = read_atoms(answer.text)
        abstained = abstains(answer.text)
        held = support(answer.text, expected.passage, answer.question)
        invents = not abstained and invented(answer.text, expected.passage, answer.question)
        right = any(find(read_atoms(one), atoms) for one in expected.answers)
        return {
            "accuracy": float(right) if expected.answerable else None,
            "support": (0.0 if abstained else held) if expected.answerable else None,
            "invention": float(invents),
            "abstention": None if expected.answerable else float(abstained),
        }


def support(answer: str, passage: str, question: str = "") -> float:
    """Return the share of what an answer says that the passage holds, from 0 to 1.

    What only says the question's own words again is supported; an empty answer is not.
    """
    asked = read_atoms(question.replace(passage, " "))
    known, said = read_atoms(passage), read_atoms(answer)
    figures = [atom for atom in said if atom.kind in _FIGURES and not _has(asked, atom)]
    words = _stems(said) - _stems(asked)
    total = len(figures) + len(words)
    if not total:
        return float(bool(answer.strip()))
    held = sum(_has(known, figure) for figure in figures)
    return (held + len(words & _stems(known))) / total


def invented(answer: str, passage: str, question: str = "") -> bool:
    """Tell whether an answer has a figure or a name that neither passage nor question has."""
    known = read_atoms(f"{passage}\n{question}")
    figures = (atom for atom in read_atoms(answer) if atom.kind in _FIGURES)
    names = _stems(read_atoms(" ".join(names_of(answer))))
    return not names <= _stems(known) or any(not _has(known, figure) for figure in figures)


def names_of(text: str) -> list[str]:
    """Return the words of a text with a capital that the start of a sentence does not explain."""
    found: list[str] = []
    for sentence in re.split(r"[.!?:\n]+(?=\s|$)", text):
        words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", sentence)
        own = words if len(words) <= SHORT else words[1:]
        found += [word for word in own if word[0].isupper() and word != "I"]
    return found


def _stems(atoms: Iterable[Atom]) -> set[str]:
    words = (atom.text for atom in atoms if atom.kind == "word" and atom.text not in _SMALL)
    return {_ENDING.sub("", word) for word in words}


def _has(known: Sequence[Atom], figure: Atom) -> bool:
    return any(same(atom, figure) or find([figure], [atom]) for atom in known)
