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

from tasks.redaction.findings import Finding
from tasks.redaction.names.word_lists import LISTS
from tasks.redaction.patterns import compiled

Words = frozenset[str]
DETECTOR = "label in its language"
_MOST = 4  # words of a name
_SCORE = 0.8
# What a row of the table announces, and what stands between that and the name.
_ANNOUNCES = {
    "person": ("PERSON", r"[ \t]?[:=][ \t]*"),
    "place": ("LOCATION", r"[ \t]?[:=][ \t]*"),
    "firm": ("ORGANIZATION", r"[ \t]?[:=][ \t]*"),
    "title": ("PERSON", r"[ \t]+"),
    "says_person": ("PERSON", r"[ \t]+"),
    "says_place": ("LOCATION", r"[ \t]+"),
    "greets": ("PERSON", r"[ \t]+"),
    "signs": ("PERSON", r"[,.!]?[ \t]*\n\s*"),
}
_GREETED = compiled(r"[ \t]*(?:[,!:]|$|\n)")  # what stands behind whom one greets
_WORD = compiled(r"[^\W\d_](?:[\w'’]|-(?=\w)|\.(?=[^\W\d_]))*\.?")
_GAP = compiled(r"[ \t]+")


class _Rule(NamedTuple):
    kind: str
    before: re.Pattern[str]
    greets: bool


def labelled(text: str) -> Iterator[Finding]:
    """Yield the names in a text that something before them announces; some may overlap."""
    rules, particles, nobody = _table()
    for rule in rules:
        for match in rule.before.finditer(text):
            end = _name_end(text, match.end(), particles, nobody)
            if end and (not rule.greets or _GREETED.match(text, end)):
                yield Finding(rule.kind, match.end(), end, _SCORE, DETECTOR)


def _name_end(text: str, start: int, particles: Words, nobody: Words) -> int:
    """Return where a name that starts there ends, or 0: words with capitals, particles between."""
    end, place, words = 0, start, 0
    while words < _MOST and (word := _WORD.match(text, place)):
        plain = word.group().rstrip(".")
        behind = word.start() + len(plain)
        if plain[0].isupper():
            if not end and plain.lower() in nobody:
                return 0
            words, end = words + 1, behind
        elif plain not in particles:
            break
        initial = len(plain) == 1 and word.end() > behind
        gap = _GAP.match(text, word.end() if initial else behind)
        if gap is None:
            break
        place = gap.end()
    return end


@cache
def _table() -> tuple[tuple[_Rule, ...], Words, Words]:
    told = tomllib.loads((LISTS / "announced.toml").read_text(encoding="utf-8"))
    words_of = told.pop("words")
    particles, nobody = (frozenset(words_of[name]) for name in ("particles", "nobody"))
    rules: list[_Rule] = []
    for row, (kind, between) in _ANNOUNCES.items():
        words = {word: None for language in told.values() for word in language[row]}
        before = compiled(rf"(?i)(?<!\w)(?:{'|'.join(words)}){between}")
        rules.append(_Rule(kind, before, row == "greets"))
    return tuple(rules), particles, nobody
