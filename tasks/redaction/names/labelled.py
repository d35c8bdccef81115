"""Finds names that a label, a title or a set phrase announces, in languages other than English.

For texts in a language that no names model reads: "Kunde: Lukas Brandt", "Mme Lefèvre", "me llamo
Carmen Ruiz", a line below "Z poważaniem". What announces is in `lists/announced.toml`, by language;
a name that nothing announces stays. Writes nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple
from unicodedata import normalize

from tasks.redaction.findings import Finding
from tasks.redaction.names.word_lists import LISTS
from tasks.redaction.patterns import compiled

Words = frozenset[str]
DETECTOR = "label in its language"
_MOST = 4  # words of a name
_SCORE = 0.8
_SPACE = r"[^\S\r\n]"  # a no-break space, too, as French typing has it before a colon
_BEHIND_LABEL = rf"{_SPACE}?[:=]{_SPACE}*"
# What a row of the table announces, and what stands between that and the name.
_ANNOUNCES = {
    "person": ("PERSON", _BEHIND_LABEL),
    "place": ("LOCATION", _BEHIND_LABEL),
    "firm": ("ORGANIZATION", _BEHIND_LABEL),
    "title": ("PERSON", rf"{_SPACE}+"),
    "says_person": ("PERSON", rf"{_SPACE}+"),
    "says_place": ("LOCATION", rf"{_SPACE}+"),
    "greets": ("PERSON", rf"{_SPACE}+"),
    "signs": ("PERSON", rf"(?:,{_SPACE}+|[,.!]?{_SPACE}*\r?\n[>\s]*)"),
}
# Behind the name, where a sentence could go on instead: "Client: where is it?"
_ENDS = {
    "person": compiled(r"\s*(?:[,;|()/]|$|\n)"),
    "firm": compiled(r"\s*(?:[,;|()/.]|$|\n)"),
    "place": compiled(r"\s*(?:[,;|()/.]|$|\n)"),
    "greets": compiled(r"[^\S\r\n]*(?:[,!:]|$|\r?\n)"),
    "signs": compiled(r"[^\S\r\n]*(?:[,.]?[^\S\r\n]*)(?:$|\r?\n)"),
}
# Languages that are hard to tell from each other are read by each other's words.
_KIN = (("sv", "da", "no", "nn", "nb"), ("es", "pt", "gl", "ca"), ("nl", "af"), ("pl", "cs", "sk"))
_JOINS = frozenset(
    {"la", "le", "lo", "los", "las", "et", "und", "y", "e", "i"}
)  # no name begins with them
_WORD = compiled(r"[^\W\d_](?:[\w'’\u0300-\u036f]|-(?=\w)|\.(?=[^\W\d_]))*\.?")
_GAP = compiled(r"[^\S\r\n]+")


class _Rule(NamedTuple):
    kind: str
    before: re.Pattern[str]
    ends: re.Pattern[str] | None


def labelled(text: str, language: str) -> Iterator[Finding]:
    """Yield the names in a text that something before them announces; some may overlap.

    In a language (ISO 639-1) that the table has, or has one like it; in others there are none.
    """
    rules = _rules(language)
    _, particles, nobody = _table()
    for rule in rules:
        for match in rule.before.finditer(text):
            end = _name_end(text, match.end(), particles, nobody)
            if end and (rule.ends is None or rule.ends.match(text, end)):
                yield Finding(rule.kind, match.end(), end, _SCORE, DETECTOR)


def _name_end(text: str, start: int, particles: Words, nobody: Words) -> int:
    """Return where a name that starts there ends, or 0: words with capitals, particles between."""
    end, place, words = 0, start, 0
    while words < _MOST and (word := _WORD.match(text, place)):
        plain = word.group().rstrip(".")
        behind = word.start() + len(plain)
        if plain[0].isupper():
            if not end and normalize("NFC", plain.lower()) in nobody:
                return 0
            words, end = words + 1, behind
        elif plain not in particles or (not end and plain in _JOINS):
            break
        initial = len(plain) == 1 and word.end() > behind
        gap = _GAP.match(text, word.end() if initial else behind)
        if gap is None:
            break
        place = gap.end()
    return end


@cache
def _table() -> tuple[dict[str, dict[str, list[str]]], Words, Words]:
    told = tomllib.loads((LISTS / "announced.toml").read_text(encoding="utf-8"))
    words_of = told.pop("words")
    particles, nobody = (frozenset(words_of[name]) for name in ("particles", "nobody"))
    return told, particles, nobody


@cache
def _rules(language: str) -> tuple[_Rule, ...]:
    table = _table()[0]
    kin = next((group for group in _KIN if language in group), (language,))
    chosen = [table[one] for one in kin if one in table]
    rules: list[_Rule] = []
    for row, (kind, between) in _ANNOUNCES.items() if chosen else ():
        words = {form: None for one in chosen for word in one[row] for form in _forms(word)}
        longest_first = sorted(words, key=lambda word: -len(word))
        before = compiled(rf"(?i)(?<!\w)(?:{'|'.join(longest_first)}){between}")
        rules.append(_Rule(kind, before, _ENDS.get(row)))
    return tuple(rules)


def _forms(word: str) -> set[str]:
    """Return a word with its accents in its letters, and behind them, as some systems write it."""
    return {normalize("NFC", word), normalize("NFD", word)}
