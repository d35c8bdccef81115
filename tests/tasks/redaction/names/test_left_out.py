"""Sentences that the names model does not get to read hold no name: labelled ones, and chats."""

from __future__ import annotations

import pytest

from tests.benchmarks.redaction import labelled, names_speed

needs_data = pytest.mark.skipif(
    not (labelled.DATA.exists() and names_speed.CHATS.exists()),
    reason="the shared data is not here",
)


@needs_data
def test_no_label_lies_in_a_sentence_that_is_left_out() -> None:
    assert names_speed.lost_labels(labelled.read_sentences("both")[::3]) == []


@needs_data
def test_no_listed_name_in_chats_is_left_out() -> None:
    texts = names_speed.chat_texts()[3::250]
    assert len(names_speed.left_out(texts)) > 500  # most sentences are
    assert names_speed.lost_names(texts) == []


def test_small_names_amid_capitals_are_read_and_sentences_without_any_are_not() -> None:
    for text in ("I've been to utah With my friends", "And adam said He would come"):
        assert names_speed.left_out([text]) == []
    assert names_speed.left_out(["That is all I want to say about it"])
