"""A rewritten text that knows, for each of its characters, where it stood in the original.

Pure functions over strings, without libraries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

AROUND = 160  # characters kept on each side of a change: a value's context words stand there


class Edit(NamedTuple):
    """Characters `start` to `end` of a text are to read `text`; `trick` is what is undone so."""

    start: int
    end: int
    text: str
    trick: str


@dataclass(frozen=True, slots=True)
class View:
    """A plainer reading of a text, or of a part of it.

    `name` says what was undone, for the report. `kinds` are the kinds that may be believed when
    found in `text`; None means all, names of people included. Offsets of `text` lead back to the
    original by `origin`.
    """

    name: str
    text: str
    kinds: frozenset[str] | None
    places: tuple[list[int], list[int], list[int]]  # where each edit ends here; its source span
    lengths: list[int]  # what each edit put in
    parent: View | None = None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text that `start` to `end` of this one came from.

        A character that was decoded stands for everything it was decoded from.
        """
        if end <= start:
            end = start + 1
        low = self._source(start)[0]
        high = self._source(end - 1)[1]
        return self.parent.origin(low, high) if self.parent else (low, high)

    def _source(self, place: int) -> tuple[int, int]:
        """Return the span of the text one level up that one character came from."""
        ends, from_start, from_end = self.places
        number = bisect_right(ends, place)  # edits before this one are over
        if number < len(ends) and place >= ends[number] - self.lengths[number]:
            return from_start[number], from_end[number]
        shift = from_end[number - 1] - ends[number - 1]
        return place + shift, place + shift + 1

    def under(self, parent: View | None) -> View:
        """Return this view as a reading of `parent`'s text, with offsets into its original."""
        if parent is None:
            return self
        if self.parent is not None:  # a reading of a part of `parent`'s text
            parent = self.parent.under(parent)
        kinds = parent.kinds if self.kinds is None else self.kinds
        name = self.name
        if parent.name:
            name = parent.name if name in parent.name else f"{parent.name}+{name}"
        return View(name, self.text, kinds, self.places, self.lengths, parent)


def rewrite(
    text: str,
    edits: Sequence[Edit],
    kinds: frozenset[str] | None = None,
    around: int = AROUND,
) -> list[View]:
    """Return views of `text` with the edits made: one for each stretch that holds edits.

    Edits must be in order and not overlap; the first of a view gives it its name. A text that holds
    them all close together gives one view, a long text with few edits small views around these.
    """
    return [
        _view(text, group, low, high, kinds) for low, high, group in _stretches(text, edits, around)
    ]


def part(text: str, low: int, high: int) -> View:
    """Return `text` from `low` to `high` as it is: for reading a part of a long text."""
    return View("", text[low:high], None, ([0], [low], [low]), [0])


def _stretches(
    text: str, edits: Iterable[Edit], around: int
) -> Iterable[tuple[int, int, list[Edit]]]:
    group: list[Edit] = []
    for edit in edits:
        if group and edit.start - group[-1].end > 2 * around:
            yield _bounds(text, group, around)
            group = []
        group.append(edit)
    if group:
        yield _bounds(text, group, around)


def _bounds(text: str, group: list[Edit], around: int) -> tuple[int, int, list[Edit]]:
    """Cut at white space where there is any, so that no value is cut in two."""
    low, high = max(0, group[0].start - around), min(len(text), group[-1].end + around)
    if low:
        while low < group[0].start and not text[low].isspace():
            low += 1
        if low == group[0].start:
            low = max(0, group[0].start - around)
    if high < len(text):
        while high > group[-1].end and not text[high - 1].isspace():
            high -= 1
        if high == group[-1].end:
            high = min(len(text), group[-1].end + around)
    return low, high, group


def _view(text: str, edits: list[Edit], low: int, high: int, kinds: frozenset[str] | None) -> View:
    parts: list[str] = []
    # The first entry stands for the cut before the view: it gives the shift up to the first edit.
    places: tuple[list[int], list[int], list[int]] = ([0], [low], [low])
    lengths = [0]
    place, length = low, 0
    for edit in edits:
        parts += [text[place : edit.start], edit.text]
        length += edit.start - place + len(edit.text)
        place = edit.end
        for values, value in zip(places, (length, edit.start, edit.end), strict=True):
            values.append(value)
        lengths.append(len(edit.text))
    parts.append(text[place:high])
    return View(edits[0].trick, "".join(parts), kinds, places, lengths)
