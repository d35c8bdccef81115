"""desk_documents: gold pages hold what is accepted, and nothing is as the desk learned it."""

from __future__ import annotations

from data_contracts.passages import read_asked
from eval_sets.desk import load_facts
from eval_sets.desk_pages import pages
from eval_sets.loading import load_eval_set
from eval_sets.types import Case, FromPassages

CASES = load_eval_set("desk_documents").cases
FACTS = {fact.id: fact for fact in load_facts()}


def expected(case: Case) -> FromPassages:
    assert isinstance(case.expect, FromPassages)
    return case.expect


def test_every_fact_is_asked_in_four_cases() -> None:
    assert sorted(case.cluster for case in CASES) == sorted(list(FACTS) * 4)


def test_the_gold_pages_hold_the_answer_about_the_thing() -> None:
    for case in CASES:
        question, passages = read_asked(case.messages[-1].content)
        fact, wanted = FACTS[case.cluster], expected(case)
        assert 1 <= len(passages) <= 4
        assert question
        for number, text in enumerate(map(str.casefold, passages), 1):
            parts = wanted.accepted
            holds = all(any(one.casefold() in text for one in part) for part in parts)
            if number in wanted.gold:
                assert holds, case.id
                assert fact.kind == "shop" or fact.names[0].casefold() in text, case.id


def test_nothing_is_as_the_desk_learned_it() -> None:
    for case in CASES:
        fact = FACTS[case.cluster]
        told = " to ".join(part[0] for part in expected(case).accepted)
        assert told != fact.value, case.id


def test_orders_stand_in_a_page_with_their_word() -> None:
    ordered = [case for case in CASES if expected(case).planted]
    assert len(ordered) == len(FACTS)
    for case in ordered:
        _, passages = read_asked(case.messages[-1].content)
        [word] = expected(case).planted
        assert sum(word in text for text in passages) == 1, case.id


def test_every_attribute_and_kind_has_words_for_its_pages() -> None:
    assert set(pages().labels) == {fact.attribute for fact in load_facts()}
    assert set(pages().titles) == {fact.kind for fact in load_facts()}
    assert all(len(titles) >= 2 for titles in pages().titles.values())
