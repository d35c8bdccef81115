"""Reads CSV so that a broken record costs itself alone; needs lines, writes nothing.

Python's csv module takes a quotation mark that nobody closed to the end of the file, or to the next
one, as one long cell. Read strictly that is an error, after which reading goes on behind the line
that it began in.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

Line = tuple[int, bytes, bool]  # its number, how it begins, whether it is too long
UNCLOSED = "a quotation mark that is not closed"
UNDOUBLED = "a quotation mark within a cell that is not doubled"
RETURN = "a carriage return within a cell without quotation marks"
TOO_LONG = "row too long"
_REASONS = {"unexpected end of data": UNCLOSED, "expected after": UNDOUBLED, "new-line": RETURN}


class CsvRecord(NamedTuple):
    """The cells of a record and the line it begins in, or why it is broken and how it began."""

    line: int
    cells: list[str]
    broken: str = ""
    raw: str = ""


class _TooLongError(Exception):
    """A line is longer than a row may be."""


class _Lines:
    """Lines for the csv module, which can be given back; unlike a generator it survives errors."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._waiting: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []  # since the last record began
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._waiting:
            self.number, text = self._waiting.popleft()
        else:
            self.number, line, too_long = next(self._lines)
            if too_long:
                raise _TooLongError
            text = line.decode("utf-8", "surrogateescape")
        self.taken.append((self.number, text))
        return text

    def give_back(self) -> None:
        """Let all lines but the first that was taken be read again."""
        self._waiting.extendleft(reversed(self.taken[1:]))


def csv_records(lines: Iterator[Line], longest: int) -> Iterator[CsvRecord]:
    """Yield every record, a broken one too, and no blank line; cells of `longest` signs at most."""
    csv.field_size_limit(longest)
    source = _Lines(lines)
    reader = csv.reader(source, strict=True)
    while True:
        source.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLongError:
            yield CsvRecord(source.number, [], TOO_LONG)
            reader = csv.reader(source, strict=True)
        except csv.Error as error:
            number, text = source.taken[0]
            yield CsvRecord(number, [], _reason(str(error), len(source.taken)), text)
            source.give_back()
            reader = csv.reader(source, strict=True)
        else:
            if any(cells):
                yield CsvRecord(source.taken[0][0], cells)


def _reason(said: str, lines: int) -> str:
    if lines > 1:
        return UNCLOSED  # up to the next mark, to the end, or to what a cell may hold
    return next((reason for part, reason in _REASONS.items() if part in said), TOO_LONG)
