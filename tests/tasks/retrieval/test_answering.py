"""What a model is given of what was found, and what its answer rests on."""

from __future__ import annotations

from data_contracts.passages import NOT_THERE
from tasks.retrieval.answering import (
    Passage,
    Thresholds,
    chosen,
    messages,
    read_answer,
)
from tasks.retrieval.chunking import Chunk
from tasks.retrieval.index import Hit

TEXTS = (
    "The Tarn backpack costs 1,089 euros and is sewn in Zermatt.",
    "Boots may be returned within 30 days.",
)
ASKED = "What does the Tarn cost?"


def chunk(number: int, text: str) -> Chunk:
    return Chunk(f"c{number}", f"d{number}", "guides", number, ("Prices",), text, 12)


PASSAGES = tuple(Passage(n, chunk(n, text)) for n, text in enumerate(TEXTS, start=1))


def hits(*cosines: float | None) -> list[Hit]:
    return [Hit(place, 1 / (place + 1), cosine, 1.0) for place, cosine in enumerate(cosines)]


def test_only_what_is_near_enough_is_given_and_numbered_from_one() -> None:
    chunks = [chunk(number, "text") for number in range(4)]
    found = chosen(hits(0.2, 0.5, None, 0.36), chunks, Thresholds())
    assert [(one.number, one.chunk.id) for one in found] == [(1, "c1"), (2, "c2"), (3, "c3")]
    assert len(chosen(hits(0.9, 0.8, 0.7, 0.6), chunks, Thresholds(passages=2))) == 2


def test_where_nothing_is_near_nothing_is_given() -> None:
    chunks = [chunk(number, "text") for number in range(2)]
    assert chosen(hits(0.34, None), chunks, Thresholds()) == ()
    assert chosen(hits(None, None), chunks, Thresholds()) == ()  # by words alone
    assert chosen([], [], Thresholds()) == ()


def test_a_model_is_told_to_cite_and_when_to_decline() -> None:
    system, user = messages(ASKED, PASSAGES)
    assert NOT_THERE in system["content"]
    assert "[1] Prices\nThe Tarn backpack" in user["content"]
    assert user["content"].endswith(f"Question: {ASKED}")


def test_figures_and_names_that_were_not_given_are_named() -> None:
    right = read_answer("The Tarn costs 1089 euros [1].", ASKED, PASSAGES)
    assert (right.cited, right.unsupported, right.faithful) == ((1,), (), True)
    wrong = read_answer("The Tarn costs 89 euros, made in Oslo [1].", ASKED, PASSAGES)
    assert wrong.unsupported == ("89", "Oslo")
    assert not wrong.faithful
    elsewhere = read_answer("Within 30 days [1].", "How long?", PASSAGES)
    assert elsewhere.unsupported == ("30",)  # it stands in another passage than it cites
    assert read_answer("Within 30 days.", "How long?", PASSAGES).faithful


def test_a_passage_that_was_never_given_cannot_be_cited() -> None:
    found = read_answer("It costs 1,089 euros [1][7].", ASKED, PASSAGES)
    assert (found.cited, found.unknown, found.faithful) == ((1,), (7,), False)


def test_an_answer_that_declines_or_says_nothing_is_told_as_such() -> None:
    for text in (NOT_THERE, "Sorry, the documents do not say that.", "  ", "[1]"):
        assert read_answer(text, ASKED, PASSAGES).declined
