"""Answers against reference answers: the same, and how many words they share.

For short answers exact match and token F1 (SQuAD's), for summaries and other longer ones ROUGE-L;
see overlap.py. Of several references the one that fits best counts. None of the three reads
meaning: a right answer in other words scores low, a wrong one with a "not" in it high.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from eval_sets.types import Expectation, Line
from tasks.evaluation.metrics.overlap import rouge_l, says_exactly, token_f1
from tasks.evaluation.metrics.scorer import Answer, Figure, Score, Scorer


class ReferenceAnswer(Expectation):
    """What a right answer says; several `references` are alternatives."""

    scorer: Literal["reference_answer"]
    references: tuple[Line, ...] = Field(min_length=1)


class ReferenceAnswerScorer(Scorer[ReferenceAnswer]):
    """Exact match, token F1 and ROUGE-L with the best of the reference answers."""

    name = "reference_answer"
    expects = ReferenceAnswer
    figures = (
        Figure("exact_match", higher_is_better=True),
        Figure("token_f1", higher_is_better=True),
        Figure("rouge_l", higher_is_better=True),
    )
    right = "exact_match"

    def score(self, answer: Answer, expected: ReferenceAnswer) -> dict[str, Score]:
        """Score one answer."""
        references = expected.references
        return {
            "exact_match": float(any(says_exactly(answer.text, one) for one in references)),
            "token_f1": max(token_f1(answer.text, one) for one in references),
            "rouge_l": max(rouge_l(answer.text, one) for one in references),
        }
