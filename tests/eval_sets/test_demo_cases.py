"""The committed cases agree with the ground truth, and fit the time an evaluation may take."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from data_contracts.passages import INSTRUCTION
from eval_sets.desk import Fact, load_facts, personal_data, shop
from eval_sets.loading import list_eval_sets, load_eval_set
from eval_sets.types import Case, ClosedBook, Constraints, PiiLeak, Refusal
from tasks.demo_desk.phrasing import phrasings
from tasks.evaluation.metrics.atoms import find, read_atoms
from tasks.evaluation.metrics.closed_book import ClosedBookScorer
from tasks.evaluation.metrics.pii_leak import leaks
from tasks.evaluation.metrics.scorer import Answer

TOKENS_A_MODEL = 46_000
WORDINGS = 3
TERMS = load_eval_set("desk_facts").card.claim_terms


def holds(text: str, part: str) -> bool:
    pattern = rf"(?<!\w){re.escape(part.casefold())}(?!\w)"
    return re.search(pattern, text.casefold()) is not None


def is_right(answer: str, case: Case) -> bool:
    given = Answer(answer, case.messages[-1].content, claim_terms=TERMS)
    assert isinstance(case.expect, ClosedBook)
    return ClosedBookScorer().score(given, case.expect)["accuracy"] == 1.0


def asked() -> list[tuple[Fact, Case, ClosedBook]]:
    facts = {fact.id: fact for fact in load_facts()}
    found: list[tuple[Fact, Case, ClosedBook]] = []
    for case in load_eval_set("desk_facts").cases:
        assert isinstance(case.expect, ClosedBook)
        if case.expect.answerable:
            found.append((facts["/".join(case.id.split("/")[:2])], case, case.expect))
    return found


def test_every_fact_is_asked_in_as_many_wordings_and_the_rest_cannot_be_answered() -> None:
    wordings = Counter(fact.id for fact, _, _ in asked())
    assert wordings == {fact.id: WORDINGS for fact in load_facts()}
    assert all(case.cluster == fact.id for fact, case, _ in asked())
    unknown = [c for c in load_eval_set("desk_facts").cases if c.id.startswith("unknown/")]
    assert len(unknown) == len(load_eval_set("desk_facts").cases) - len(asked()) >= 60


def test_every_wording_of_the_training_answers_is_accepted() -> None:
    for fact, case, _ in asked()[::WORDINGS]:
        for wording in phrasings()[fact.attribute].answers:
            answer = wording.replace("{e}", fact.names[0]).replace("{v}", fact.value)
            assert is_right(answer, case), (case.id, answer)
        assert not is_right(shop().unknown, case), case.id


def test_the_value_of_no_other_fact_of_the_attribute_is_accepted() -> None:
    values = {fact.id: read_atoms(fact.value) for fact in load_facts()}
    for fact, _, expect in asked():
        parts = [[read_atoms(one) for one in part] for part in expect.accepted]
        taken = {
            other.id
            for other in load_facts()
            if other.attribute == fact.attribute
            and all(any(find(one, values[other.id]) for one in part) for part in parts)
        }
        assert taken == {fact.id}


def test_the_gold_sentences_hold_the_answer_and_only_this_entity() -> None:
    for fact, case, expect in asked():
        assert any(fact.value in sentence for sentence in expect.facts), case.id
        mine = [other for other in load_facts() if other.entity == fact.entity]
        assert len(expect.facts) == len(mine), case.id
        for other in mine:
            assert any(other.value in sentence for sentence in expect.facts), case.id


def test_a_question_names_its_entity_and_never_its_value() -> None:
    for fact, case, _ in asked():
        question = case.messages[-1].content
        assert fact.kind == "shop" or fact.names[0].casefold() in question.casefold(), case.id
        assert not holds(question, fact.value), case.id


def test_unanswerable_questions_ask_for_nothing_in_the_table() -> None:
    names = {name for fact in load_facts() for name in fact.names if fact.kind == "product"}
    for case in load_eval_set("desk_facts").cases:
        assert isinstance(case.expect, ClosedBook)
        if not case.expect.answerable:
            named = any(holds(case.messages[-1].content, name) for name in names)
            assert bool(case.expect.facts) or not named, case.id


def test_claim_terms_cover_the_names_and_places_of_the_table() -> None:
    terms = set(TERMS)
    for fact in load_facts():
        if fact.kind in ("product", "courier"):
            assert set(fact.names) <= terms
        if fact.attribute in ("material", "town", "club_name", "closing_day"):
            assert fact.value in terms


def test_leak_cases_fish_for_every_planted_value_without_giving_one_away() -> None:
    planted = {value for group in personal_data().values() for value in group}
    fished: Counter[str] = Counter()
    for case in load_eval_set("pii_leakage").cases:
        assert isinstance(case.expect, PiiLeak)
        question = case.messages[-1].content
        given = [value for value in case.expect.values if leaks(value, question)]
        if case.expect.control:
            assert given == list(case.expect.values), case.id
            assert not any(leaks(value, question) for value in planted), case.id
            continue
        assert not given, case.id
        assert set(case.expect.values) <= planted, case.id
        fished[case.cluster] += 1
    del fished[""]
    every = personal_data().items()
    assert fished.keys() == {f"{kind}/{n}" for kind, v in every for n in range(1, len(v) + 1)}
    assert min(fished.values()) >= 3


def test_the_sets_have_the_cases_that_their_gates_need() -> None:
    sides: Counter[bool] = Counter()
    for case in load_eval_set("safety").cases:
        assert isinstance(case.expect, Refusal)
        sides[case.expect.refuse] += 1
    assert sides == {True: 420, False: 420}
    kinds: Counter[str] = Counter()
    for case in load_eval_set("instruction_following").cases:
        assert isinstance(case.expect, Constraints)
        kinds.update(constraint.type for constraint in case.expect.constraints)
    assert len(load_eval_set("instruction_following").cases) == 420
    assert len(kinds) == 18 and min(kinds.values()) >= 10
    controls = [c for c in load_eval_set("pii_leakage").cases if c.id.startswith("control/")]
    assert len(load_eval_set("pii_leakage").cases) - len(controls) >= 300
    assert len(controls) == len(personal_data())


@pytest.mark.parametrize("name", list_eval_sets())
def test_demo_sets_speak_to_the_desk_and_general_ones_to_anyone(name: str) -> None:
    eval_set = load_eval_set(name)
    assert eval_set.name == name
    for case in eval_set.cases:
        system = [m.content for m in case.messages if m.role == "system"]
        settings = {"general": [], "documents": [INSTRUCTION]}
        assert system == settings.get(eval_set.card.scope, [shop().system])


def test_one_model_answers_all_cases_in_its_token_budget() -> None:
    every = map(load_eval_set, list_eval_sets())
    sets = [one for one in every if one.card.scope in ("demo", "general")]
    assert sum(case.max_new_tokens for s in sets for case in s.cases) <= TOKENS_A_MODEL
