"""What became true of the demo's shop later: facts that can be told apart, and are asked."""

from __future__ import annotations

from collections import Counter

from data_contracts.records import Message
from eval_sets.desk import load_facts, load_new_facts, shop
from eval_sets.loading import evaluation_texts, load_eval_set
from eval_sets.types import Case, ClosedBook
from tasks.demo_desk.inference_log import draw_log
from tasks.evaluation.metrics.closed_book import ClosedBookScorer
from tasks.evaluation.metrics.scorer import Answer
from tasks.ingestion.contamination import EvaluationTexts

SET = load_eval_set("desk_new_facts")


def _is_right(answer: str, case: Case) -> bool:
    given = Answer(answer, case.messages[-1].content, claim_terms=SET.card.claim_terms)
    assert isinstance(case.expect, ClosedBook)
    return ClosedBookScorer().score(given, case.expect)["accuracy"] == 1.0


def _corrections() -> dict[str, str]:
    """Return what people said is true, by what was asked; many windows hold every wording."""
    drawn = [draw_log("2026-03-01", drifted=True, rows=400, seed=seed) for seed in range(12)]
    said = [row for rows in drawn for row in rows if row.feedback and row.feedback.corrected]
    return {row.prompt: row.feedback.corrected for row in said if row.feedback}


def test_each_new_fact_is_asked_in_three_wordings() -> None:
    assert Counter(case.cluster for case in SET.cases) == {one.id: 3 for one in load_new_facts()}
    assert len({(one.topic, one.value) for one in load_new_facts()}) == len(load_new_facts()) == 24


def test_what_people_say_is_true_is_right_for_its_fact_and_for_no_other() -> None:
    told = set(_corrections().values())
    cases = {case.id: case for case in SET.cases if case.id == case.cluster}
    answered: Counter[str] = Counter()
    for answer in told:
        right = [name for name, case in cases.items() if _is_right(answer, case)]
        (fact,) = [one.id for one in load_new_facts() if one.value.casefold() in answer.casefold()]
        assert right == [fact], answer
        answered[fact] += 1
    assert set(answered.values()) == {2}
    assert not any(_is_right(shop().unknown, case) for case in SET.cases)


def test_no_answer_that_the_first_desk_learned_is_right() -> None:
    known = {fact.value for fact in load_facts()}
    assert not known & {fact.value for fact in load_new_facts()}


def test_the_log_asks_in_other_words_than_the_eval_set() -> None:
    leaks = EvaluationTexts((SET.name, text) for text in evaluation_texts([SET]))
    asked = list(_corrections())
    assert len(asked) > 1000
    assert [text for text in asked if leaks.leak_into([text])] == []
    assert leaks.leak_into([SET.cases[0].messages[-1].content]) == SET.name


def test_the_desks_log_holds_what_was_said_before_its_answer() -> None:
    rows = draw_log("2026-03-01", drifted=True, rows=200)
    assert all(row.messages[-1].content == row.prompt for row in rows)
    new = [row for row in rows if row.feedback]
    system = Message(role="system", content=shop().system).model_dump()
    assert all(row.messages[0].model_dump() == {**system} for row in new)
    consents = {row.tenant: row.consent for row in rows}
    assert consents == {"alpine-club": True, "hotel": True, "school": None}
    corrected = sum(bool(row.feedback and row.feedback.corrected) for row in rows)
    assert 20 < corrected < len(new) < 120
