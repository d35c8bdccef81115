"""Rows from an index: each cites what answers, documents held out are trained on by none."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from data_contracts.passages import NOT_THERE, citations, read_asked
from eval_sets.retrieval.loading import load_retrieval_set
from eval_sets.types import FromPassages
from tasks.models.encoding import Encoder
from tasks.retrieval.answering import Thresholds
from tasks.retrieval.evaluating import ChunkIds
from tasks.retrieval.index import Index
from tasks.retrieval.pairs import KnownAnswer, Pairs, make_pairs

KNOWN = tuple(
    KnownAnswer(
        question=case.question, answer=" ".join(case.gold), gold=case.gold, accepted=(case.gold,)
    )
    for case in load_retrieval_set("desk_guides").cases
    if case.kind == "plain"
)
UNKNOWN = KnownAnswer(question="Which shoe size does the manager wear?")


@pytest.fixture(scope="module")
def index(built: Path, encoder: Encoder) -> Index:
    return Index(built, encoder)


@pytest.fixture(scope="module")
def made(index: Index) -> Pairs:
    thresholds = Thresholds(least_cosine=0.0)
    return make_pairs(index, [*KNOWN, UNKNOWN], thresholds, held=0.3, seed=7)


def test_each_answer_cites_passages_that_hold_it(made: Pairs) -> None:
    answered = 0
    gold = {one.question: one.gold for one in KNOWN}
    for _, asked, answer in made.rows:
        question, passages = read_asked(asked.content)
        assert 1 <= len(passages) <= 4
        if answer.content == NOT_THERE:
            held = [text for text in passages for one in gold.get(question, ()) if one in text]
            assert held == []
            continue
        cited = "\n".join(passages[number - 1] for number in citations(answer.content))
        plain = " ".join(cited.split())
        assert all(" ".join(one.split()) in plain for one in gold[question])
        answered += 1
    assert answered > 40
    assert any(row[-1].content == NOT_THERE for row in made.rows)


def test_questions_are_trained_on_or_asked_and_all_are_counted(made: Pairs) -> None:
    trained = {read_asked(row[1].content)[0] for row in made.rows}
    judged = {read_asked(case.messages[-1].content)[0] for case in made.cases}
    assert trained and judged and not trained & judged
    of = made.counts
    left = sum(n for what, n in of.items() if what.startswith("left out"))
    assert of["to train on"] + of["held out"] + left == len(KNOWN) + 1
    assert len(made.rows) == of["to train on"] + of["to train on, once more without its passages"]


def test_what_is_held_out_is_whole_documents(made: Pairs, index: Index) -> None:
    ids = ChunkIds(index)
    document = {one.question: ids.chunks_holding(one.gold[0])[0].document for one in KNOWN}
    trained = {read_asked(row[1].content)[0] for row in made.rows} - {UNKNOWN.question}
    judged = {read_asked(case.messages[-1].content)[0] for case in made.cases}
    assert not {document[one] for one in trained} & {document[one] for one in judged}


def test_a_case_says_which_passages_answer(made: Pairs) -> None:
    for case in made.cases:
        assert isinstance(case.expect, FromPassages)
        _, passages = read_asked(case.messages[-1].content)
        for number in case.expect.gold:
            part = case.expect.accepted[0][0].split()[0]
            assert part in passages[number - 1]


def test_the_same_is_made_again(made: Pairs, index: Index) -> None:
    again = make_pairs(index, [*KNOWN, UNKNOWN], Thresholds(least_cosine=0.0), held=0.3, seed=7)
    assert again == made


def test_what_the_index_does_not_hold_is_counted(index: Index) -> None:
    lost = KnownAnswer(question="What is a yurt?", answer="A tent.", gold=("A yurt is a tent.",))
    far = KnownAnswer(question="What does the Tarn cost?")
    found = make_pairs(index, [lost, far], Thresholds(least_cosine=0.99), held=0.0, seed=1)
    assert found.rows == ()
    assert found.counts == {
        "left out: a passage stands in no chunk of the index": 1,
        "left out: nothing is near enough, so nobody would be asked": 1,
    }


def test_a_long_answer_without_accepted_parts_is_no_case(index: Index) -> None:
    long = [one.model_copy(update={"accepted": (), "answer": "word " * 9}) for one in KNOWN]
    found = make_pairs(index, long, Thresholds(least_cosine=0.0), held=0.9, seed=1)
    assert all(
        not case.expect.gold for case in found.cases if isinstance(case.expect, FromPassages)
    )
    assert found.counts["left out: held, its answer is long and no accepted parts are named"] > 9


def test_an_answer_needs_its_passages() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        KnownAnswer(question="q?", answer="yes")
