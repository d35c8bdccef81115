"""Numbers in words are read, in seven languages; counting and amounts are left."""

from __future__ import annotations

import pytest

from tasks.redaction.disguises.digit_words import digit_word_views


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("five five five oh one two three", "5550123"),
        ("two oh one, five five five, oh one nine nine", "201-555-0199"),
        ("plus four one seven nine one two three four five six seven", "+41791234567"),
        ("double seven triple three one two", "7733312"),
        ("twenty-one fifty five oh one ninety nine", "21550199"),
        ("one eight hundred five five five", "1800555"),
        ("zero seven eight dash zero five dash one one two zero", "078-05-1120"),
        ("4 one 5 - five 5 five - 2 six 7 one", "415-555-2671"),
        ("one two slash zero five slash one nine eight four", "12/05/1984"),
        ("D E eight nine three seven zero four", "DE893704"),
        ("null eins fünf eins zwei drei", "015123"),
        ("seis uno dos tres cuatro cinco", "612345"),
        ("zéro six un deux trois quatre", "061234"),
        ("tre quattro cinque sei sette otto tre", "3456783"),
        ("een drie vijf zeven negen nul", "135790"),
    ],
)
def test_numbers_in_words_are_read(said: str, plain: str) -> None:
    text = f"so it is {said}, thanks"
    found = [view for view in digit_word_views(text) if plain in view.text]
    assert found
    start, end = found[0].origin(found[0].text.index(plain), found[0].text.index(plain) + 1)
    assert text[start:end] == said


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven",
        "ten nine eight seven six five four three two one".replace("ten ", ""),
        "I have two dogs, three cats and one hundred and five fish",
        "chapter one, two and three",
        "two of five. Three of eight. One of one.",
        "it's two or three o'clock",
    ],
)
def test_counting_and_amounts_stay(text: str) -> None:
    assert list(digit_word_views(text)) == []
