"""Reads the words of a sentence as a finder of names needs them: which could be part of a name.

A capital letter says most, where it says anything: not in a sentence written small, or all in
capitals. There the word lists say which words to read with a capital. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import normalize

from tasks.redaction.names.word_lists import WordLists, fold
from tasks.redaction.patterns import compiled

WORD = compiled(r"[^\W_]+(?:['’.&/-](?=[^\W_])[^\W_]+)*")
_POSSESSIVE = compiled(r"(?i)['’](?:s|ll|d|re|ve|m)$")
_STRETCHED = compiled(r"(.)\1\1|(?:ha|he|ja|lo){2,}")  # hmmm, nooo, hahaha
_ACRONYM = 3  # letters: up to that, capitals throughout are not shouting
_SHORTEST = 3  # letters of a word that may have lost its capital
_FIRM = 4  # words before "Inc" that may be the firm's
# Behind these even a common word written small is a name: "my name is mark".
_CALLED = compiled(
    r"(?i)(?:\bname(?:'s| is| was|:)|\b(?:user|customer|client|patient|contact):"
    r"|\bcall(?:s|ed)? (?:me|him|her)|\bnamed|\bdear|\b(?:mrs?|ms|dr)\.?|\bmiss) \Z"
)


class Word(NamedTuple):
    """A word of a text. `capital`: read with one; `known`: English has it, and writes it small."""

    start: int
    end: int
    text: str
    folded: str
    capital: bool
    known: bool


def is_guessed(piece: str) -> bool:
    """Tell whether the case of a sentence says nothing: all small, or all capitals."""
    return piece.replace("I", "i").islower() or (piece.isupper() and " " in piece.strip())


def read_words(text: str, start: int, end: int, guessed: bool, lists: WordLists) -> list[Word]:
    """Return the words of `text[start:end]`, without possessives."""
    words = [_word(match, guessed, lists) for match in WORD.finditer(text, start, end)]
    if guessed:
        return list(_with_firms(words, lists))
    return list(_with_careless(words, lists))


def _word(match: re.Match[str], guessed: bool, lists: WordLists) -> Word:
    value = match.group()
    if ("'" in value or "’" in value) and (ending := _POSSESSIVE.search(value)):
        value = value[: ending.start()]
    folded = fold(value)
    known = lists.known(folded if value.isascii() else normalize("NFKC", value).lower())
    if guessed:
        capital = _lost_capital(folded, known) or _is_called(match, folded, lists)
    else:
        capital = not (value.islower() or value[0].isdigit() or _STRETCHED.search(value.lower()))
    return Word(match.start(), match.start() + len(value), value, folded, capital, known)


def _lost_capital(folded: str, known: bool) -> bool:
    """Tell whether a word whose case says nothing should have a capital."""
    # Two signs are a name in Chinese; what a stroke joins is alternatives, a unit or a path.
    short = (len(folded) < _SHORTEST and folded.isascii()) or "/" in folded
    return not (known or short or not folded[0].isalpha() or _STRETCHED.search(folded))


def _is_called(match: re.Match[str], folded: str, lists: WordLists) -> bool:
    if folded not in lists.first_names and folded not in lists.surnames:
        return False
    return bool(_CALLED.search(match.string, max(0, match.start() - 16), match.start()))


def _with_firms(words: Sequence[Word], lists: WordLists) -> Iterator[Word]:
    """Give capitals by what follows: "think computer inc", "heather smith", "sri lanka"."""
    raised: set[int] = set()
    for number, word in enumerate(words):
        if word.folded in lists.forms:
            raised |= _firm(words, number, lists)
        if number + 1 == len(words) or words[number + 1].start > word.end + 2:
            continue
        follower = words[number + 1]
        if starts_place(words, number, lists):
            raised |= {number, number + 1}
        if word.folded in lists.titles and follower.capital:
            raised.add(number)
        first = word.folded in lists.first_names and word.known
        if first and follower.capital and follower.folded in lists.surnames:
            raised.add(number)
    for number, word in enumerate(words):
        yield word._replace(capital=True) if number in raised else word


def _with_careless(words: Sequence[Word], lists: WordLists) -> Iterator[Word]:
    """Give capitals to well-known names that a sentence with capitals writes small."""
    raised: set[int] = set()
    for number, word in enumerate(words):
        title = word.folded in lists.small_titles
        if not word.text.islower() or (len(word.text) < _SHORTEST and not title):
            continue
        if starts_place(words, number, lists):
            raised |= {number, number + 1}
        if title and _is_next(word, words[number + 1 : number + 2]):
            raised.add(number)
        if not word.known and (word.folded in lists.first_names or word.folded in lists.places):
            raised.add(number)
    for number, word in enumerate(words):
        yield word._replace(capital=True) if number in raised else word


def _is_next(word: Word, behind: Sequence[Word]) -> bool:
    """Tell whether a word with a capital that English does not have comes next: "dr. Hoekstra"."""
    return any(one.capital and not one.known and one.start <= word.end + 2 for one in behind)


def _firm(words: Sequence[Word], form: int, lists: WordLists) -> set[int]:
    """Return the numbers of the words of a firm that ends in a legal form."""
    found = {form}
    for number in range(form - 1, max(form - 1 - _FIRM, -1), -1):
        apart = words[number].end + 1 != words[number + 1].start
        if apart or words[number].folded in lists.small:
            break
        found.add(number)
    return found if len(found) > 1 else set()


def starts_place(words: Sequence[Word], number: int, lists: WordLists) -> bool:
    """Tell whether a word starts the name of a well-known place: "Czech" in "Czech Republic"."""
    two = words[number : number + 2]
    return len(two) > 1 and f"{two[0].folded} {two[1].folded}" in lists.places


def _is_shouted(word: Word) -> bool:
    return len(word.text) > _ACRONYM and word.text.isupper() and not word.known


def shown(piece: str, start: int, words: Sequence[Word], guessed: bool) -> str:
    """Return a sentence with the capitals that a model trained on news expects; as long as it."""
    parts: list[str] = []
    place = 0
    for number, word in enumerate(words):
        if guessed:
            value = word.text.title() if word.capital or not number else word.text.lower()
        elif (word.capital and word.text.islower()) or _is_shouted(word):
            value = word.text.title()
        else:
            continue
        if len(value) == len(word.text) and value != word.text:
            parts += [piece[place : word.start - start], value]
            place = word.end - start
    return "".join([*parts, piece[place:]]) if parts else piece
