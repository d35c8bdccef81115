"""What was asked and answered in a snapshot's rows, as numbers in scratch files.

A word becomes 32 bits of a hash, an end of an answer 64, so that a search over all rows needs no
text and its memory does not grow with them. Needs numpy and xxhash. Writes two files into the
folder it is given, which are scratch.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data_contracts.phrases import AnswerEnd, end_of, exchanges_of, words_of
from data_contracts.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.uint32]
    Keys = NDArray[np.uint64]

ENDS: tuple[AnswerEnd, AnswerEnd] = ("beginning", "end")
BREAK, CUT = 0, 1  # no word's number: before each part of a prompt, and in one that was cut
_HALF = 128  # words kept at either end of a part
_READ = 400  # characters of an answer read at either end
_KNOWN = 200_000  # words whose numbers are remembered
_TOGETHER = 500_000  # words written, and read, at once
_FIELDS = [("row", "<u4"), ("start", "<u8"), ("words", "<u4"), *((end, "<u8") for end in ENDS)]


def end_key(words: Sequence[str], end: AnswerEnd) -> int:
    """Return the number of an answer's first or last words."""
    import xxhash

    return (
        xxhash.xxh64_intdigest(
            f"{end} {' '.join(end_of(words, end))}".encode("utf-8", "surrogatepass")
        )
        or 1
    )


class Exchanges:
    """All exchanges of a snapshot: added one by one, then read as arrays."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = folder / "words", folder / "exchanges"
        self._files = [path.open("wb") for path in self._paths]
        self._words, self._rows = array("I"), list[tuple[int, ...]]()
        self._known: dict[str, int] = {}
        self._written = self.count = 0
        self._system = lru_cache(maxsize=4)(self._numbers)

    def add(self, row: int, record: Record) -> None:
        """Take a row's exchanges; `row` is the number that it is known by."""
        for one in exchanges_of(record):
            before = len(self._words)
            system, asked = self._system(one.system), self._numbers(one.asked)
            self._words.append(BREAK)
            self._words.extend(system)
            self._words.append(BREAK)
            self._words.extend(asked)
            prompt = {*system, *asked}
            start, size = self._written + before, len(self._words) - before
            keys = [self._key(one.answer, end, prompt) for end in ENDS]
            self._rows.append((row, start, size, *keys))
            self.count += 1
        if len(self._words) >= _TOGETHER:
            self._flush()

    def _key(self, answer: str, end: AnswerEnd, prompt: set[int]) -> int:
        """Return the number of an answer's end; 0 where it only says again what was asked."""
        words = words_of(answer[:_READ] if end == "beginning" else answer[-_READ:])
        if all(self._number(word) in prompt for word in end_of(words, end)):
            return 0
        return end_key(words, end)

    def _numbers(self, text: str) -> list[int]:
        words = words_of(text)
        kept = words if len(words) <= 2 * _HALF else [*words[:_HALF], "", *words[-_HALF:]]
        return [self._number(word) for word in kept]

    def _number(self, word: str) -> int:
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[word] = number_of(word)
        return found

    def _flush(self) -> None:
        import numpy as np

        words, rows = self._files
        words.write(np.asarray(self._words, "<u4").tobytes())
        rows.write(np.array(self._rows, _FIELDS).tobytes())
        self._written += len(self._words)
        del self._words[:]
        self._rows.clear()

    def read(self) -> Read:
        """Return what was added; nothing can be added any more."""
        import numpy as np

        self._flush()
        for file in self._files:
            file.close()
        if not self.count:
            return Read(np.zeros(0, "<u4"), np.zeros(0, _FIELDS))
        words, rows = self._paths
        return Read(np.memmap(words, "<u4", "r"), np.memmap(rows, _FIELDS, "r"))


def number_of(word: str) -> int:
    """Return a word's number; of none, where a long text was cut, `CUT`."""
    import xxhash

    found = xxhash.xxh32_intdigest(word.encode("utf-8", "surrogatepass")) if word else CUT
    return max(found, CUT + 1) if word else CUT


class Read:
    """The exchanges as arrays that lie on disk."""

    def __init__(self, words: Any, rows: Any) -> None:
        self._words, self._rows = words, rows
        self.count, self.words = len(rows), len(words)

    def keys(self, end: AnswerEnd) -> Keys:
        """Return every exchange's key of an end of its answer."""
        return cast("Keys", self._rows[end])

    def row(self, exchange: int) -> int:
        """Return the row that an exchange is of."""
        return int(self._rows["row"][exchange])

    def prompt(self, exchange: int) -> Words:
        """Return an exchange's words, a BREAK before each part."""
        start = int(self._rows["start"][exchange])
        return self._words[start : start + int(self._rows["words"][exchange])]

    def blocks(self) -> Iterator[tuple[Words, NDArray[np.int64]]]:
        """Yield all words, with the exchange of each, some at a time in memory."""
        import numpy as np

        first, ends = 0, self._rows["start"] + self._rows["words"]
        while first < self.count:
            begin = int(self._rows["start"][first])
            last = int(np.searchsorted(ends, begin + _TOGETHER, "right"))
            last = max(first + 1, last)
            sizes = self._rows["words"][first:last]
            yield (
                np.asarray(self._words[begin : int(ends[last - 1])]),
                np.repeat(np.arange(first, last), sizes),
            )
            first = last
