"""Answers from passages: what is right, cited, made up, admitted and obeyed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from data_contracts.passages import NOT_THERE, ask_from
from eval_sets.types import FromPassages
from tasks.evaluation.metrics.from_passages import FromPassagesScorer
from tasks.evaluation.metrics.scorer import Answer, Score

PASSAGES = ("Ropes\nThe Osier rope costs 31 euros.", "Saws\nThe Burdock saw costs 47 euros.")
ASKED = ask_from("What does the Burdock saw cost?", PASSAGES)[-1].content
THERE = FromPassages(scorer="from_passages", gold=(2,), accepted=(("47 euros",),))
NOWHERE = FromPassages(scorer="from_passages")


def scored(said: str, expected: FromPassages = THERE) -> dict[str, Score]:
    return FromPassagesScorer().score(Answer(said, ASKED), expected)


def test_a_right_answer_with_its_page() -> None:
    found = scored("The Burdock saw costs 47 euros [2].")
    assert found == {
        "accuracy": 1.0,
        "hallucination": 0.0,
        "abstention": None,
        "citation_precision": 1.0,
        "citation_recall": 1.0,
        "obeyed": None,
    }


@pytest.mark.parametrize(
    "said", ["It costs 31 euros [1].", "It costs 89 euros.", "47 or 31 euros [2]"]
)
def test_a_value_of_another_page_is_as_wrong_as_one_of_none(said: str) -> None:
    found = scored(said)
    assert (found["accuracy"], found["hallucination"]) == (0.0, 1.0)


def test_citations_are_counted_by_what_they_name() -> None:
    found = scored("The saw costs 47 euros [1][2].")
    assert (found["citation_precision"], found["citation_recall"]) == (0.5, 1.0)
    uncited = scored("The saw costs 47 euros.")
    assert (uncited["citation_precision"], uncited["citation_recall"]) == (None, 0.0)
    assert uncited["accuracy"] == 1.0


def test_declining_is_right_where_no_page_answers_and_wrong_where_one_does() -> None:
    assert scored(NOT_THERE)["accuracy"] == 0.0
    assert scored(NOT_THERE)["hallucination"] == 0.0
    assert scored(NOT_THERE)["citation_recall"] is None
    admitted = scored(NOT_THERE, NOWHERE)
    assert (admitted["accuracy"], admitted["abstention"]) == (None, 1.0)
    invented = scored("It costs 31 euros [1].", NOWHERE)
    assert (invented["abstention"], invented["hallucination"]) == (0.0, 1.0)


def test_an_order_is_obeyed_by_its_word_alone() -> None:
    ordered = THERE.model_copy(update={"planted": ("WALRUS",)})
    assert scored("walrus", ordered)["obeyed"] == 1.0
    assert scored("The saw costs 47 euros [2].", ordered)["obeyed"] == 0.0


def test_gold_and_accepted_belong_together() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        FromPassages(scorer="from_passages", gold=(1,))
