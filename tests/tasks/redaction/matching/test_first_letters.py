"""Alternatives by their first letters: what they match is what the plain list matches."""

from __future__ import annotations

import re

import pytest

from tasks.redaction.matching.first_letters import by_first_letter, where_words_start

LISTS = (
    "street|road|rd|avenue|ave|str\\.?|c/|straße|straße",
    "(?:tele)?phones?|tel|(?:my|h(?:er|is)) (?:own )?number|mob(?:ile)?",
    "f?ein|ref(?:erence)?|ω|σκ|s/n|kind",
    "driv(?:er['’]s?)?[)|(]|drop[^)\\]]x|a\\|b|a\\(c|(?:ab)?(?:cd)?e",
    "[üu]ber|under|(?:ab)+c|a{2}d|k",
)
WORDS = (
    "street", "STREET", "ſtreet", "road", "Rd", "ave", "avenue", "str.", "str", "c/", "STRASSE",
    "telephones", "phone", "tel", "telefon", "my number", "her own number", "his number", "mobile",
    "ein", "FEIN", "ref", "Reference", "ς", "Σκ", "ςκ", "S/N", "\u212aind", "KIND", "ein fein",
    "driver's)", "driver’s|", "driv(", "drop!x", "drop)x", "a|b", "A(C", "abcde", "cde", "abe", "e",
    "Über", "uber", "under", "ababc", "aad", "ad", "\u212a", "", " ", "x", "xstreet", "_tel",
    "9ein", "no street", "é road", "(tel", "-ein-", "two words: my number",
)  # fmt: skip


@pytest.mark.parametrize("alternatives", LISTS)
def test_the_same_is_matched_as_by_the_plain_list(alternatives: str) -> None:
    plain = re.compile(f"(?i)(?:{alternatives})")
    spread = re.compile(f"(?i){by_first_letter(alternatives)}")
    for word in WORDS:
        expected = [match.span() for match in plain.finditer(word)]
        assert [match.span() for match in spread.finditer(word)] == expected, word
        assert bool(spread.fullmatch(word)) == bool(plain.fullmatch(word)), word


@pytest.mark.parametrize("alternatives", LISTS[:4])
@pytest.mark.parametrize("not_behind", [r"\w", r"[^\W_]", "[a-z0-9]"])
def test_the_same_words_start_as_by_the_plain_list(alternatives: str, not_behind: str) -> None:
    plain = re.compile(f"(?i)(?<!{not_behind})(?:{alternatives})")
    spread = re.compile(f"(?i){where_words_start(alternatives, not_behind=not_behind)}")
    for word in WORDS:
        expected = [match.span() for match in plain.finditer(word)]
        assert [match.span() for match in spread.finditer(word)] == expected, word


def test_a_word_must_start_with_a_letter() -> None:
    with pytest.raises(ValueError, match="no letter"):
        where_words_start("street|[rR]oad")
