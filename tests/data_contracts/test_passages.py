"""What is asked of passages reads back as it was written, and an answer's citations are read."""

from __future__ import annotations

from data_contracts.passages import (
    INSTRUCTION,
    NOT_THERE,
    ask_from,
    citations,
    read_asked,
    says_not_there,
    without_citations,
)

PASSAGES = (
    "Prices\nA rope is 9 euros.",
    "Two\n\nparagraphs, [7] in the second",
    "| a | b |\n|---|---|",
)


def test_passages_and_question_come_back() -> None:
    system, asked = ask_from("What is a rope?", PASSAGES)
    assert system.content == INSTRUCTION
    assert read_asked(asked.content) == ("What is a rope?", PASSAGES)


def test_words_of_another_form_are_a_question_without_passages() -> None:
    for text in ("What is a rope?", "Question: none", "Passages:\n\n[1] only passages"):
        assert read_asked(text) == (text, ())


def test_citations_are_read_once_and_taken_out_with_their_space() -> None:
    said = "A rope is 9 euros [2], a saw 12 [1][2].\nNo more [14]."
    assert citations(said) == (2, 1, 14)
    assert without_citations(said) == "A rope is 9 euros, a saw 12.\nNo more."
    assert citations("[x] [1234] none") == ()


def test_not_there_is_read_within_other_words() -> None:
    assert says_not_there(f"Sorry. {NOT_THERE.lower()}")
    assert not says_not_there("The documents say 9 euros.")
