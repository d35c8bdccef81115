"""What is weighed as one name: words with capitals that stand together, or what the model marked.

A mark that reaches over several candidates joins them ("Bank of England and Wales"), one that cuts
a candidate cuts it, and one where no candidate stands is weighed too. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tasks.redaction.names.candidates import Sentence, is_prose
from tasks.redaction.names.context import rules_around
from tasks.redaction.names.entities import OTHER, Entity
from tasks.redaction.names.layout import heads_letter
from tasks.redaction.names.organizations import PARTNERS, WHOLE, form_of
from tasks.redaction.names.technical import Place
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.names.words import Word

_ARTICLES = frozenset({"the", "a", "an", "this", "my", "our", "your", "his", "her", "their"})
_LOOSE = ("FAC", "PRODUCT")  # labels of no kind of ours under which names are marked
_PARTNERS = 3
_APART = frozenset(",;:/|()[]\n")  # stands between two names, not in one


@dataclass(slots=True)
class Unit:
    """Words `first` to `last` of a sentence that may be a name, with the marks that touch them."""

    sentence: Sentence
    first: int
    last: int
    opening: bool = False  # a common word opens the sentence before it
    titled: bool = False
    marked_only: bool = False
    marks: list[tuple[Entity, int, int]] = field(default_factory=list[tuple[Entity, int, int]])

    @property
    def words(self) -> Sequence[Word]:
        """Return its words."""
        return self.sentence.words[self.first : self.last + 1]

    @property
    def start(self) -> int:
        """Return where it starts in its text."""
        return self.sentence.words[self.first].start

    @property
    def end(self) -> int:
        """Return where it ends in its text."""
        return self.sentence.words[self.last].end


def units(
    text: str, sentence: Sentence, entities: Sequence[Entity], lists: WordLists
) -> list[Unit]:
    """Return what may be a name in a sentence, given what the model marked in it, in order."""
    marks = list(_in_words(sentence, entities, lists))
    numbers = {word.start: number for number, word in enumerate(sentence.words)}
    found = list[Unit]()
    for one in sentence.candidates:
        first, last = numbers[one.start], numbers[one.words[-1].start]
        opening = one.opening is not None
        if opening and (
            any(low < first <= high for _, low, high in marks)
            or _opens_name(text, sentence.words[first - 1 : last + 1], lists)
        ):
            first, opening = first - 1, False
        unit = Unit(sentence, first, last, opening, one.titled)
        found += _cut(unit, marks)
    found = list(_partnerships(text, found))
    for entity, low, high in marks:
        if entity.kind == OTHER and entity.label not in _LOOSE:
            continue
        touched = [one for one in found if one.first <= high and low <= one.last]
        if not touched:
            if _may_be_marked(text, sentence, low, high):
                found.append(Unit(sentence, low, high, marked_only=True))
        elif len(touched) > 1 and not _APART & set(text[touched[0].end : touched[-1].start]):
            found = [one for one in found if one not in touched]
            first, last = min(low, touched[0].first), max(high, touched[-1].last)
            found.append(Unit(sentence, first, last, touched[0].opening, touched[0].titled))
        found.sort(key=lambda one: one.first)
    for one in found:
        one.marks = [mark for mark in marks if mark[1] <= one.last and one.first <= mark[2]]
    return found


def _may_be_marked(text: str, sentence: Sentence, first: int, last: int) -> bool:
    """Tell whether the model alone may say that words are a name: with case, in prose."""
    words = sentence.words[first : last + 1]
    if sentence.guessed or sentence.place is not Place.PROSE or not is_prose(text, words):
        return False
    return not any(char.isdigit() for word in words for char in word.text)


def _opens_name(text: str, words: Sequence[Word], lists: WordLists) -> bool:
    """Tell by its form or layout whether the word that opens a sentence is part of a name."""
    formed = form_of([word.text for word in words], lists.endings)
    return not WHOLE.isdisjoint(formed) or heads_letter(text, words[0].start, words[-1].end)


def _in_words(
    sentence: Sentence, entities: Sequence[Entity], lists: WordLists
) -> Iterator[tuple[Entity, int, int]]:
    """Yield marks with the numbers of their first and last words, without articles and titles."""
    for one in entities:
        start, end = one.start + sentence.start, one.end + sentence.start
        touched = [
            number
            for number, word in enumerate(sentence.words)
            if word.start < end and start < word.end
        ]
        while len(touched) > 1 and sentence.words[touched[0]].folded in _ARTICLES | lists.titles:
            touched = touched[1:]
        if touched and not (len(touched) == 1 and sentence.words[touched[0]].folded in _ARTICLES):
            yield one, touched[0], touched[-1]


def _cut(unit: Unit, marks: Sequence[tuple[Entity, int, int]]) -> Iterator[Unit]:
    """Yield a unit cut between two marks of different kinds that lie in it."""
    inside = [mark for mark in marks if unit.first <= mark[1] and mark[2] <= unit.last]
    first = unit.first
    for (one, _, high), (other, low, _) in pairwise(inside):
        if high < low and one.kind != other.kind:
            yield Unit(unit.sentence, first, low - 1, unit.opening, unit.titled)
            first = low
            unit.opening = unit.titled = False
    yield Unit(unit.sentence, first, unit.last, unit.opening, unit.titled)


def _partnerships(text: str, found: Sequence[Unit]) -> Iterator[Unit]:
    """Yield "Craig, Palmer and Quinn" as one where a firm is expected, or has its own line."""
    rest = list(found)
    while rest:
        first, last = rest[0], rest[min(_PARTNERS, len(rest)) - 1]
        match = PARTNERS.fullmatch(text, first.start, last.end) if len(rest) >= _PARTNERS else None
        listed = text[max(0, first.start - 2) : first.start] == ", "
        if match and not listed and match.start("second") == rest[1].start:
            around = {rule.kind for rule in rules_around(text, first.start, last.end) if rule.clear}
            if around == {"ORGANIZATION"} or heads_letter(text, first.start, last.end):
                first.last = last.last
                rest[1:_PARTNERS] = []
        yield rest.pop(0)
