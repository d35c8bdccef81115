"""Tells code and log lines from prose: what is written there is seldom a name.

Lines are judged by shape (signs, keywords, time stamps with a level), so that no language has to be
known by name; JSON, tables, HTML and comments are data or prose, and no code. What stands beside
code (messages, comments, lists of classes) speaks of the same things. Pure functions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

from tasks.redaction.names.code_lines import is_code_line, is_log_line, may_be_code, may_hold_code
from tasks.redaction.patterns import compiled

_LONGEST = 2_000  # characters of a line that are looked at
_AROUND, _LEAST_AROUND = 6, 3  # lines on either side, and how many of them must be code
_MOSTLY_CODE = 5  # lines of code in a text of which at least half the lines are
_STRING = compiled(r"\"[^\"\n]*\"?|'[^'\n]*'?|(?<!\S)(?:#|//).*")
_NAME = compiled(r"[A-Za-z_]\w{2,}")
_LISTED = compiled(r"[ \t]+([A-Za-z_]\w{2,}),[ \t]*")  # one class of many that are imported


class Place(IntEnum):
    """Where a sentence stands."""

    PROSE = 0
    BESIDE_CODE = 1  # a comment, a message, a list of classes: code surrounds it
    CODE = 2  # or a log


@dataclass(frozen=True, slots=True)
class Code:
    """What of a text is code or log.

    `identifiers` are the words that its code calls things by, whole and in parts, as they are
    written and written small.
    """

    starts: Sequence[int]  # of each line; none where no line is code
    places: Sequence[Place]
    identifiers: frozenset[str]

    def place(self, start: int) -> Place:
        """Return where what starts there stands."""
        return self.places[bisect_right(self.starts, start) - 1] if self.starts else Place.PROSE

    def of_reading(self, text: str, origin: Callable[[int], int]) -> Code:
        """Return the same for a plainer reading of a part of the text, which stands where it did.

        `origin` leads from a place in the reading to its place in the text.
        """
        own = read_code(text)
        if not self.starts:
            return own
        starts = _line_starts(text.split("\n"))
        places = [max(own.place(start), self.place(origin(start))) for start in starts]
        return Code(starts, places, own.identifiers | self.identifiers)


_NONE = Code((), (), frozenset())


def read_code(text: str) -> Code:
    """Return which lines are code or log, and what the code calls things by."""
    if not may_hold_code(text):
        return _NONE
    lines = text.split("\n")
    flags = [is_code_line(line[:_LONGEST]) for line in lines]
    if not any(flags):
        return _NONE
    places = _places(lines, flags)
    return Code(_line_starts(lines), places, frozenset(_identifiers(lines, places)))


def _line_starts(lines: Sequence[str]) -> list[int]:
    return [0, *accumulate(len(line) + 1 for line in lines[:-1])]


def _places(lines: Sequence[str], flags: Sequence[bool | None]) -> list[Place]:
    """Say where each line stands, by itself and by the lines around it.

    Where most of those are code, so is a line that does not read as prose.
    """
    judged = [place for place, flag in enumerate(flags) if flag is not None]
    sums = [0, *accumulate(flags[place] is True for place in judged)]
    mostly = sums[-1] >= _MOSTLY_CODE and 2 * sums[-1] >= len(judged)
    places: list[Place] = []
    number = 0  # of judged lines above
    for line, flag in zip(lines, flags, strict=True):
        low, high = max(0, number - _AROUND), min(len(judged), number + _AROUND + 1)
        code = sums[high] - sums[low]
        around = code >= _LEAST_AROUND and 2 * code >= high - low - 1
        if flag or (around and flag is not None and may_be_code(line)):
            places.append(Place.CODE)
        else:
            places.append(Place.BESIDE_CODE if around or mostly else Place.PROSE)
        number += flag is not None
    return places


def _identifiers(lines: Sequence[str], places: Sequence[Place]) -> Iterator[str]:
    """Yield what code calls things by: words outside strings, remarks and log lines."""
    for line, place in zip(lines, places, strict=True):
        if place is Place.CODE and not is_log_line(line):
            for match in _NAME.finditer(_STRING.sub(" ", line[:_LONGEST])):
                yield match[0]
                yield match[0].lower()
                if "_" in match[0]:
                    yield from match[0].lower().split("_")
        elif place is Place.BESIDE_CODE and (listed := _LISTED.fullmatch(line)):
            yield listed[1].lower()
