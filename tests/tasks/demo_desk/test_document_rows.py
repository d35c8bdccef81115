"""Rows that teach reading: answers stand on the page they cite, in words evaluation never uses."""

from __future__ import annotations

import random

from data_contracts.passages import NOT_THERE, citations, read_asked, without_citations
from eval_sets.desk import load_facts
from eval_sets.desk_pages import Drawing
from eval_sets.loading import evaluation_texts, list_eval_sets, load_eval_set
from eval_sets.making.cases import table
from tasks.demo_desk.documents import QUESTIONS, document_rows
from tasks.demo_desk.phrasing import (
    document_orders,
    document_questions,
    document_wordings,
    public_terms,
)
from tasks.evaluation.metrics.atoms import find, read_atoms
from tasks.ingestion.contamination import EvaluationTexts

ROWS = document_rows(random.Random(11), 2)


def answers() -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for row in ROWS:
        _, passages = read_asked(row[1].content)
        found += [(turn.content, passages) for turn in row if turn.role == "assistant"]
    return found


def test_a_row_asks_several_questions_of_its_pages() -> None:
    assert len(ROWS) == 2 * len(load_facts())
    for row in ROWS:
        assert [turn.role for turn in row[1:]] == ["user", "assistant"] * ((len(row) - 1) // 2)
        assert 1 <= (len(row) - 1) // 2 <= QUESTIONS


def test_every_figure_of_an_answer_stands_on_the_page_that_it_cites() -> None:
    declined = 0
    for said, passages in answers():
        if said == NOT_THERE:
            declined += 1
            continue
        [number] = citations(said)
        page = read_atoms(passages[number - 1])
        for atom in read_atoms(without_citations(said)):
            assert atom.kind == "word" or find([atom], page), (said, passages)
    assert 0.15 < declined / len(answers()) < 0.35


def test_training_uses_none_of_the_evaluations_words() -> None:
    asked, told = table("desk_facts")["asked"], table("desk_documents")
    orders = told["orders"]
    for attribute, words in document_questions().items():
        assert not set(words) & set(asked[attribute]["questions"])
    for attribute, words in document_wordings().items():
        assert not set(words) & set(told["told"][attribute])
    assert not set(document_orders()["texts"]) & set(orders["texts"])
    assert not set(document_orders()["words"]) & set(orders["words"])


def test_no_row_shares_text_with_an_eval_set() -> None:
    sets = [load_eval_set(name) for name in list_eval_sets()]
    known = EvaluationTexts((one.name, text) for one in sets for text in evaluation_texts([one]))
    assert [row for row in ROWS if known.leak_into([turn.content for turn in row])] == []


def test_values_of_training_and_evaluation_are_drawn_from_different_words() -> None:
    fact = next(one for one in load_facts() if one.attribute == "material")
    drawn = {
        held: {Drawing(random.Random(seed), {}, held=held).value(fact) for seed in range(200)}
        for held in (False, True)
    }
    assert not drawn[False] & drawn[True]


def test_what_pages_call_towns_and_clubs_is_public() -> None:
    assert {"Thornmoor", "Snowline Club"} <= set(public_terms(documents=True))
    assert "Thornmoor" not in public_terms()
