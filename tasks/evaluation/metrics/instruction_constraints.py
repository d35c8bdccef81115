"""Checkable instructions: an answer is right when every constraint holds.

What each constraint type means stands in eval_sets/types.py. The idea is IFEval's (Zhou et al.,
2023, arXiv:2311.07911); this is the strict form, which takes the answer as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

from eval_sets.types import Constraint, Constraints, ConstraintType
from tasks.evaluation.metrics.scorer import Answer, Figure, Score, Scorer

_ITEM = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)])\s+\S")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|mr|mrs|ms|dr|st|vs|[ap]\.m)\.", re.IGNORECASE)


class InstructionConstraintsScorer(Scorer[Constraints]):
    """The share of answers of which every constraint holds; an empty answer holds none."""

    name = "instruction_constraints"
    expects = Constraints
    figures = (Figure("accuracy", higher_is_better=True),)
    right = "accuracy"

    def score(self, answer: Answer, expected: Constraints) -> dict[str, Score]:
        """Score one answer."""
        kept = all(holds(constraint, answer.text) for constraint in expected.constraints)
        return {"accuracy": float(kept)}


def holds(constraint: Constraint, answer: str) -> bool:
    """Tell whether an answer keeps a constraint."""
    answer = answer.strip()
    return bool(answer) and _CHECKS[constraint.type](answer, constraint)


def words_of(text: str) -> list[str]:
    """Return the words of a text; an apostrophe or a hyphen inside does not part a word."""
    return re.findall(r"\w+(?:['’-]\w+)*", text)


def count_phrase(text: str, phrase: str) -> int:
    """Count a phrase as whole words, in any case."""
    pattern = rf"(?<!\w){re.escape(phrase.casefold())}(?!\w)"
    return len(re.findall(pattern, text.casefold()))


def count_sentences(text: str) -> int:
    """Count sentences: stretches of words that end in a full stop, ! or ?, or at a line's end."""
    plain = _ABBREVIATION.sub("x", text)
    return sum(bool(re.search(r"\w", part)) for part in re.split(r"[.!?]+(?=\s|$)|\n+", plain))


def _comma_items(answer: str, constraint: Constraint) -> bool:
    items = [item.strip(" .\n") for item in answer.split(",")]
    return len(items) == constraint.n and all(items)


def _json_keys(answer: str, constraint: Constraint) -> bool:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(cast("dict[str, Any]", value)) == set(constraint.words)


def _starts_with(answer: str, constraint: Constraint) -> bool:
    start = constraint.words[0].casefold()
    return re.match(rf"{re.escape(start)}(?!\w)", answer.casefold().lstrip("\"'*“")) is not None


def _ends_with(answer: str, constraint: Constraint) -> bool:
    end = constraint.words[0].casefold().rstrip(".!?")
    tail = answer.casefold().rstrip(".!?\"'*” ")
    return re.search(rf"(?<!\w){re.escape(end)}$", tail) is not None


_CHECKS: dict[ConstraintType, Callable[[str, Constraint], bool]] = {
    "one_word": lambda answer, _: len(words_of(answer)) == 1,
    "max_words": lambda answer, c: len(words_of(answer)) <= c.n,
    "min_words": lambda answer, c: len(words_of(answer)) >= c.n,
    "sentences": lambda answer, c: count_sentences(answer) == c.n,
    "list_items": lambda answer, c: sum(map(bool, map(_ITEM.match, answer.split("\n")))) == c.n,
    "comma_items": _comma_items,
    "uppercase": lambda answer, _: answer.isupper(),
    "lowercase": lambda answer, _: answer.islower(),
    "contains": lambda answer, c: all(count_phrase(answer, word) for word in c.words),
    "excludes": lambda answer, c: not any(count_phrase(answer, word) for word in c.words),
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "json_keys": _json_keys,
    "no_comma": lambda answer, _: "," not in answer,
    "digits_only": lambda answer, _: answer.isascii() and answer.isdigit(),
    "quoted": lambda answer, _: re.fullmatch(r'["“][^"“”]+["”]', answer) is not None,
    "question": lambda answer, _: answer.endswith("?"),
    "repeats": lambda answer, c: count_phrase(answer, c.words[0]) == c.n,
}
