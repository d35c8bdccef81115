"""Other wordings are read off an answer's lines."""

from __future__ import annotations

from tasks.batch.rewording import wordings


def test_lines_lose_their_numbers_and_marks() -> None:
    said = '1. What is it?\n2) "How is it?"\n\n - Is it 3?\n• “Where?”\nWhen is 4. May?\n"'
    found = ["What is it?", "How is it?", "Is it 3?", "Where?", "When is 4. May?"]
    assert wordings(said, whole=True) == found


def test_the_last_line_of_an_answer_that_was_cut_is_left_out() -> None:
    assert wordings("What is it?\nHow mu", whole=False) == ["What is it?"]
    assert wordings("How mu", whole=False) == []
    assert wordings("", whole=True) == []
