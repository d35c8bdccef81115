"""Says where in a text something may stand: many Hyperscan expressions, searched in one pass.

Needs Hyperscan; writes nothing.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from tasks.redaction.matching.compiled import compiled

Rows = dict[int, list[int]]  # by expression: first and last end of each row of close ones
_DIGITS = b"0123456789"
# White space ends what would end with a text. The digit ends what waits for one, so that it is
# not found in the next text: what ends there is told of no text.
_BETWEEN = b" \xff0!\xff "
_OVER = 2  # characters behind a text at which an expression may still end


class Batch:
    """Texts as Hyperscan gets them: many in one piece, since each call has its cost.

    A text's bytes are as many as its characters, so that places stay the same.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        with_digit: list[tuple[int, bytes]] = []
        wordy: list[tuple[int, bytes]] = []
        for number, text in enumerate(texts):
            data = text.encode("latin-1", "replace")  # what is not Latin-1 becomes "?"
            has_digit = data.translate(None, _DIGITS) != data  # quicker than any search
            (with_digit if has_digit else wordy).append((number, data))
        self.with_digit, self.wordy = _Piece(with_digit), _Piece(wordy)


class _Piece:
    def __init__(self, numbered: Sequence[tuple[int, bytes]]) -> None:
        lengths = (len(data) + len(_BETWEEN) for _, data in numbered)
        self.starts = list(accumulate(lengths, initial=0))
        self.ends = [
            start + len(data) + _OVER
            for start, (_, data) in zip(self.starts, numbered, strict=False)
        ]
        self.numbers = [number for number, _ in numbered]
        self.data = _BETWEEN.join(data for _, data in numbered)


Note = Callable[[int, int, int, int, Any], None]
_NOTHING: Rows = {}  # of most texts; never written to


class Trigger(NamedTuple):
    """A Hyperscan expression in ASCII (no case, dot matches all).

    Ends not more than `reach` characters apart are told as one row. `needs_digit` says that
    nothing stands in a text without any of 0 to 9.
    """

    expression: str
    reach: int
    needs_digit: bool = False


class Triggers:
    """Expressions, compiled once; safe to use from several threads."""

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        self._reach = [one.reach for one in triggers]
        numbered = list(enumerate(one.expression for one in triggers))
        self._all = _Database(numbered)
        # Most texts have no digit, and are then searched for a few expressions only.
        wordy = [numbered[n] for n, one in enumerate(triggers) if not one.needs_digit]
        self._wordy = self._all if len(wordy) == len(numbered) else _Database(wordy)

    def rows(self, batch: Batch) -> list[Rows]:
        """Return, for each text, where expressions end in it.

        Rows, not single places: a hostile text sets a trigger off at every character of it. An end
        may lie a character or two behind the text's own.
        """
        found: list[Rows] = [_NOTHING] * batch.size
        for database, piece in ((self._all, batch.with_digit), (self._wordy, batch.wordy)):
            if piece.numbers:
                database.scan(piece.data, self._note(piece, found))
        return found

    def _note(self, piece: _Piece, found: list[Rows]) -> Note:
        reach, starts, ends, numbers = self._reach, piece.starts, piece.ends, piece.numbers
        place, low, high = 0, 0, -1

        def note(trigger: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            nonlocal place, low, high
            if not low < end <= high:  # most are in the same text as the one before
                place = bisect_left(starts, end) - 1
                low, high = starts[place], ends[place]
                if end > high:
                    return
            end -= low
            rows = found[numbers[place]]
            if trigger in rows:
                row = rows[trigger]
                if end - row[-1] <= reach[trigger]:  # Hyperscan reports ends in order
                    row[-1] = end
                else:
                    row += (end, end)
            elif rows:
                rows[trigger] = [end, end]
            else:
                found[numbers[place]] = {trigger: [end, end]}

        return note


class _Database:
    """Numbered expressions; Hyperscan compiles them, which takes a second, when first needed."""

    def __init__(self, numbered: Sequence[tuple[int, str]]) -> None:
        self._numbered = numbered
        self._local = threading.local()
        self._lock = threading.Lock()
        self._compiled: Any = None

    def scan(self, data: bytes, note: Note) -> None:
        """Call `note` for each end of an expression."""
        if not self._numbered:
            return
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:  # Hyperscan wants working memory of its own for each scan at a time
            import hyperscan

            scratch = self._local.scratch = hyperscan.Scratch(self._database())
        self._compiled.scan(data, match_event_handler=note, scratch=scratch)

    def _database(self) -> Any:
        with self._lock:
            if self._compiled is None:
                self._compiled = compiled(self._numbered)
            return self._compiled


def windows(ends: Sequence[int], before: int, after: int) -> list[tuple[int, int]]:
    """Merge what lies around each row of ends into windows that do not overlap."""
    found: list[tuple[int, int]] = []
    low, high = ends[0] - before, ends[1] + after
    for place in range(2, len(ends), 2):
        first, last = ends[place] - before, ends[place + 1] + after
        if first > high:
            found.append((low, high))
            low = first
        high = last
    found.append((low, high))
    return found
