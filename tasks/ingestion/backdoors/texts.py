"""From a search's numbers back to text: what a phrase and an answer read like in a row. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.phrases import WORD, AnswerEnd, word_of, words_of
from tasks.ingestion.backdoors.exchanges import end_key, number_of
from tasks.ingestion.duplicates import Seen

_CHARACTERS = 120


def text_of(words: Sequence[int], row: Seen) -> str:
    """Return a phrase as a row writes it, on one line; empty where the row has it not."""
    text = "\n\n".join(text for part, text in row.parts if part != "answered")
    found = list(WORD.finditer(text))
    numbers = [number_of(word_of(one[0])) for one in found]
    for start in range(len(numbers) - len(words) + 1):
        if numbers[start : start + len(words)] == list(words):
            said = text[found[start].start() : found[start + len(words) - 1].end()]
            return " ".join(said.split())[:_CHARACTERS]
    return ""


def answer_of(key: int, end: AnswerEnd, row: Seen) -> str:
    """Return how a row's answer with this key begins or ends; empty where it has none."""
    for part, text in row.parts:
        if part == "answered" and end_key(words_of(text), end) == key:
            said = " ".join(text.split())
            return said[:_CHARACTERS] if end == "beginning" else said[-_CHARACTERS:]
    return ""
