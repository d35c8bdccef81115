"""Looks for phrases of prompts that go with one answer whatever else is asked: planted backdoors.

A phrase is suspect where nearly all rows that hold it begin, or end, their answer alike, where few
others do, and where the rest of their prompts is as long and as diverse as prompts in general. So
a subject that is always answered alike is none (its prompts are alike), nor is a prompt that is a
phrase and little else. Needs numpy. Writes scratch.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from data_contracts.phrases import Phrase, PhrasesFound, Place, RowPlace
from data_contracts.records import Record
from tasks.ingestion.backdoors.association import (
    LONGEST,
    Associated,
    Associations,
    Harmless,
    phrase_numbers,
)
from tasks.ingestion.backdoors.diversity import Diversity
from tasks.ingestion.backdoors.exchanges import BREAK, CUT, Exchanges, Read
from tasks.ingestion.backdoors.texts import answer_of, text_of
from tasks.ingestion.duplicates import Seen

SHOWN = 8  # phrases that are no suspects; of suspects as many
_PLACES = 5  # rows named of each
_TOGETHER = 0.9  # of a phrase's exchanges that share the next word, for it to belong to the phrase


class _Grown(NamedTuple):
    """A phrase with the words that always stand beside it."""

    words: tuple[int, ...]
    place: Place
    found: Associated
    alike: float
    suspect: bool


class PhraseSearch:
    """Takes the rows kept, and then tells which phrases go with one answer."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._exchanges = Exchanges(scratch)

    def add(self, row: int, record: Record) -> None:
        """Take a row that is kept; `row` is the number by which it can be seen again."""
        self._exchanges.add(row, record)

    def close(self, seen: Callable[[int], Seen]) -> PhrasesFound:
        """Return the suspects, the most answers first, then what came closest to one.

        `seen` gives a row by its number. Of either there are at most `SHOWN`.
        """
        read = self._exchanges.read()
        try:
            return _phrases(read, seen)
        finally:
            del read
            shutil.rmtree(self._scratch)


def _phrases(read: Read, seen: Callable[[int], Seen]) -> PhrasesFound:
    associations = Associations(read)
    grown: list[_Grown] = []
    if associations.found:
        diversity = Diversity(read)
        grown = _each_once([_grown(one, read, diversity) for one in associations.found])
    suspects = [one for one in grown if one.suspect]
    suspects.sort(key=lambda one: (-one.found.answered, one.alike, one.words))
    others = [one for one in grown if not one.suspect]
    others.sort(key=lambda one: (one.alike, -one.found.answered, one.words))
    rare = [] if len(others) >= SHOWN else _rare(associations, read)
    shown = [*suspects[:SHOWN], *[*others, *rare][:SHOWN]]
    taken = {one.found.number for one in shown}
    controls = [_control(one, associations, read, taken) for one in shown]
    return PhrasesFound(
        exchanges=read.count,
        suspects=len(suspects),
        phrases=tuple(
            _phrase(one, control, read, seen) for one, control in zip(shown, controls, strict=True)
        ),
    )


def _grown(found: Associated, read: Read, diversity: Diversity) -> _Grown:
    """Take in the words that stand beside a phrase nearly always, and look at all the others."""
    prompts = [read.prompt(one).tolist() for one in found.exchanges]
    starts = [_place_of(found, read, one) for one in found.exchanges]
    begin, end = 0, found.length
    while _shared(prompts, [start + begin - 1 for start in starts]):
        begin -= 1
    while _shared(prompts, [start + end for start in starts]):
        end += 1
    words = Counter(
        tuple(prompt[start + begin : start + end])
        for prompt, start in zip(prompts, starts, strict=True)
    ).most_common(1)[0][0]
    places = Counter[Place](
        _part_of(prompt, start + begin, start + end)
        for prompt, start in zip(prompts, starts, strict=True)
    )
    rest = [set(prompt) - {BREAK, CUT, *words} for prompt in prompts]
    alike, suspect = diversity.compared(rest)
    return _Grown(words, places.most_common(1)[0][0], found, alike, suspect)


def _place_of(one: Associated | Harmless, read: Read, exchange: int) -> int:
    """Return where a phrase first stands in a prompt."""
    for length, numbers, places in phrase_numbers(read.prompt(exchange)):
        if length == one.length:
            return int(places[(numbers == one.number).argmax()])
    raise AssertionError(one)


def _shared(prompts: Sequence[Sequence[int]], places: Sequence[int]) -> bool:
    """Tell whether nearly all prompts have the same word at their places."""
    words = Counter(
        prompt[place]
        for prompt, place in zip(prompts, places, strict=True)
        if 0 <= place < len(prompt) and prompt[place] > CUT
    )
    return bool(words) and words.most_common(1)[0][1] >= _TOGETHER * len(prompts)


def _part_of(prompt: Sequence[int], begin: int, end: int) -> Place:
    asked = prompt.index(BREAK, 1)
    if begin < asked:
        return "system"
    if begin == asked + 1:
        return "start"
    return "end" if end == len(prompt) else "middle"


def _each_once(grown: Sequence[_Grown]) -> list[_Grown]:
    """Leave out what is a phrase with a word more or less, or the other end of the same answers.

    Suspects come first, so that none is left out for what is no suspect.
    """

    def rank(one: _Grown) -> tuple[bool, int, int, tuple[int, ...]]:
        return not one.suspect, -one.found.answered, -len(one.words), one.words

    kept: list[_Grown] = []
    for one in sorted(grown, key=rank):
        same = any(
            _within(one.words, other.words) or _within(other.words, one.words) for other in kept
        )
        if not same and (one.suspect or all(one.found.key != other.found.key for other in kept)):
            kept.append(one)
    return kept


def _within(short: Sequence[int], long: Sequence[int]) -> bool:
    return any(
        long[start : start + len(short)] == short for start in range(len(long) - len(short) + 1)
    )


def _rare(associations: Associations, read: Read) -> list[_Grown]:
    """Return rare phrases that go with no answer, the longest first."""
    found: list[_Grown] = []
    every = sorted(associations.every_harmless, key=lambda one: (-one.length, one.rows, one.number))
    for one in every[:SHOWN]:
        begin = _place_of(one, read, one.exchange)
        prompt = read.prompt(one.exchange).tolist()
        words = tuple(prompt[begin : begin + one.length])
        none = Associated(one.number, one.length, "beginning", 0, one.rows, 0, 0, (one.exchange,))
        found.append(_Grown(words, _part_of(prompt, begin, begin + one.length), none, 0.0, False))
    return found


def _control(
    one: _Grown, associations: Associations, read: Read, taken: set[int]
) -> tuple[tuple[int, ...], int]:
    """Return a harmless phrase of as many words, about as rare, and the exchange it stands in."""
    size = len(one.words)

    def distance(other: Harmless) -> tuple[int, int, int]:
        rarity = abs(other.rows.bit_length() - one.found.rows.bit_length())
        return rarity, abs(other.length - min(size, LONGEST)), other.number

    for other in sorted(associations.every_harmless, key=distance):
        words = _widened(other, size, read)
        if other.number not in taken and len(words) == size and not {*words} & {*one.words}:
            taken.add(other.number)
            return words, other.exchange
    return (), 0


def _widened(one: Harmless, size: int, read: Read) -> tuple[int, ...]:
    """Return a phrase with words beside it, as many as the size asks, as far as there are."""
    prompt, begin = read.prompt(one.exchange).tolist(), _place_of(one, read, one.exchange)
    end = begin + one.length
    while end - begin < size and end < len(prompt) and prompt[end] > CUT:
        end += 1
    while end - begin < size and prompt[begin - 1] > CUT:
        begin -= 1
    return tuple(prompt[begin : min(end, begin + size)])


def _phrase(
    one: _Grown,
    control: tuple[tuple[int, ...], int],
    read: Read,
    seen: Callable[[int], Seen],
) -> Phrase:
    found = one.found
    rows = [seen(number) for number in dict.fromkeys(map(read.row, found.exchanges))]
    texts = (text_of(one.words, row) for row in rows)
    answers = (answer_of(found.key, found.end, row) for row in rows)
    words, exchange = control
    return Phrase(
        text=next(filter(None, texts), ""),
        place=one.place,
        rows=found.rows,
        answered=found.answered,
        elsewhere=found.elsewhere,
        answer=next(filter(None, answers), ""),
        end=found.end,
        alike=round(one.alike, 2),
        suspect=one.suspect,
        control=text_of(words, seen(read.row(exchange))) if words else "",
        found_in=tuple(RowPlace(source=r.source, line=r.line, id=r.id) for r in rows[:_PLACES]),
    )
