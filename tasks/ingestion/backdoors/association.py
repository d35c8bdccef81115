"""Which phrases of one to three words go with one answer: an exact count over all exchanges.

Every phrase is a number (a hash of its words'), and the numbers are gone through in parts that fit
into memory, each with a sweep over all words: memory does not grow with them, and time a little
faster than they do. Needs numpy. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.phrases import AnswerEnd
from tasks.ingestion.backdoors.exchanges import CUT, ENDS, Read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.ingestion.backdoors.exchanges import Keys, Words

    Numbers = NDArray[np.integer[Any]]

LONGEST = 3  # words
LEAST = 5  # exchanges with the phrase and the answer
SHARE = 0.8  # of the exchanges with the phrase that have the answer, at least
ELSEWHERE = 0.5  # exchanges with the answer and without the phrase, to those with both, at most
RARE = 0.1  # of all exchanges that hold the phrase, at most
MIXED = 0.34  # of a harmless phrase's exchanges that have its commonest answer, at most
HELD = 32  # exchanges of a phrase that are looked at closely
MOST = 5000  # phrases that are, those of the most exchanges
_AT_ONCE = 3_000_000  # phrases in memory
_SAMPLE = 20_000  # exchanges that tell which phrases are common
_CONTROLS = 8  # harmless phrases kept of a length and a rarity


@dataclass(frozen=True, slots=True)
class Associated:
    """A phrase: its number and length in words, and some exchanges that have it and the answer.

    `rows`, `answered` and `elsewhere` are as in `data_contracts.phrases.Phrase`.
    """

    number: int
    length: int
    end: AnswerEnd
    key: int
    rows: int
    answered: int
    elsewhere: int
    exchanges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Harmless:
    """A phrase whose answers are of all sorts, and an exchange that has it."""

    number: int
    length: int
    rows: int
    exchange: int


class Associations:
    """What a sweep over the exchanges finds: `found`, and `harmless` phrases to compare with."""

    def __init__(self, read: Read) -> None:
        self.found: list[Associated] = []
        self.harmless: dict[tuple[int, int], list[Harmless]] = {}
        self._read, self._frequent = read, {end: _frequent(read.keys(end)) for end in ENDS}
        common = _common(read)
        parts = max(1, -(-read.words * LONGEST // _AT_ONCE))
        for part in range(parts):
            self._look(part, parts, common)
        self.found.sort(key=lambda one: (-one.answered, one.number))
        del self.found[MOST:]

    @property
    def every_harmless(self) -> list[Harmless]:
        """Return the harmless phrases of all lengths and rarities."""
        return [one for kept in self.harmless.values() for one in kept]

    def _look(self, part: int, parts: int, common: Keys) -> None:
        import numpy as np

        numbers, exchanges, lengths = _part(self._read, part, parts, common)
        order = np.argsort(numbers, kind="stable")
        numbers, exchanges, lengths = numbers[order], exchanges[order], lengths[order]
        once = np.ones(len(numbers), bool)
        once[1:] = (numbers[1:] != numbers[:-1]) | (exchanges[1:] != exchanges[:-1])
        numbers, exchanges, lengths = numbers[once], exchanges[once], lengths[once]
        starts, sizes = _runs(numbers)
        kept = (sizes >= LEAST) & (sizes <= RARE * self._read.count)
        starts, sizes = starts[kept], sizes[kept]
        if not len(starts):
            return
        members = exchanges[_members(starts, sizes)]
        of_run = np.repeat(np.arange(len(starts)), sizes)
        commonest = np.zeros(len(starts), np.int64)
        for end in ENDS:
            known, times = self._frequent[end]
            keys = self._read.keys(end)[members]
            keys[~_among(keys, known)] = 0
            keys, answered = _commonest(of_run, keys, len(starts))
            answered[keys == 0] = 0
            np.maximum(commonest, answered, out=commonest)
            strong = (answered >= LEAST) & (answered >= SHARE * sizes)
            runs = np.flatnonzero(strong)
            elsewhere = times[np.searchsorted(known, keys[runs])] - answered[runs]
            for run, others in zip(runs.tolist(), elsewhere.tolist(), strict=True):
                if others <= ELSEWHERE * answered[run]:
                    place, size = int(starts[run]), int(sizes[run])
                    self._note(
                        end,
                        int(keys[run]),
                        (int(numbers[place]), int(lengths[place])),
                        exchanges[place : place + size],
                        int(others),
                    )
        for run in np.flatnonzero(commonest <= MIXED * sizes).tolist():
            place = int(starts[run])
            self._keep_harmless(
                Harmless(
                    number=int(numbers[place]),
                    length=int(lengths[place]),
                    rows=int(sizes[run]),
                    exchange=int(exchanges[place]),
                )
            )

    def _note(
        self,
        end: AnswerEnd,
        key: int,
        phrase: tuple[int, int],
        exchanges: Numbers,
        elsewhere: int,
    ) -> None:
        import numpy as np

        having = exchanges[self._read.keys(end)[exchanges] == np.uint64(key)]
        if len({self._read.row(one) for one in having.tolist()}) < LEAST:
            return  # one conversation that says a thing again and again
        held = having[np.linspace(0, len(having) - 1, min(HELD, len(having))).astype(int)]
        self.found.append(
            Associated(
                number=phrase[0],
                length=phrase[1],
                end=end,
                key=key,
                rows=len(exchanges),
                answered=len(having),
                elsewhere=elsewhere,
                exchanges=tuple(held.tolist()),
            )
        )

    def _keep_harmless(self, one: Harmless) -> None:
        """Keep a few of each length and rarity: those with the smallest numbers, a fixed draw."""
        kept = self.harmless.setdefault((one.length, one.rows.bit_length()), [])
        kept.append(one)
        if len(kept) > _CONTROLS:
            kept.sort(key=lambda other: other.number)
            del kept[_CONTROLS:]


def phrase_numbers(words: Words) -> Iterator[tuple[int, Keys, Numbers]]:
    """Yield, for every length in words, the numbers of the phrases and where each begins."""
    import numpy as np

    wide = words.astype(np.uint64)
    numbers, whole = _mixed(wide + _STEP), words > CUT
    yield 1, numbers[whole], np.flatnonzero(whole)
    for length in range(2, LONGEST + 1):
        last = wide[length - 1 :]
        numbers = _mixed(numbers[: len(last)] * _STEP + last)
        whole = whole[: len(last)] & (words[length - 1 :] > CUT)
        yield length, numbers[whole], np.flatnonzero(whole)


def _part(read: Read, part: int, parts: int, common: Keys) -> tuple[Keys, Numbers, Numbers]:
    """Return a part of all phrases: their numbers, their exchanges and their lengths."""
    import numpy as np

    found: list[tuple[Any, Any, Any]] = []
    for words, exchanges in read.blocks():
        for length, numbers, places in phrase_numbers(words):
            chosen = (numbers >> np.uint64(20)) % np.uint64(parts) == part
            numbers, places = numbers[chosen], places[chosen]
            chosen = ~_among(numbers, common)
            numbers, places = numbers[chosen], places[chosen]
            lengths = np.full(len(numbers), length, np.uint8)
            found.append((numbers, exchanges[places].astype(np.uint32), lengths))
    if not found:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint32), np.zeros(0, np.uint8)
    numbers, exchanges, lengths = (np.concatenate(column) for column in zip(*found, strict=True))
    return numbers, exchanges, lengths


def _common(read: Read) -> Keys:
    """Return the phrases of which a sample says that they are not rare, in order.

    Twice as common as a rare one may be: in so large a sample that is beyond chance. It only saves
    work, for they would be counted and left out.
    """
    import numpy as np

    if read.count < _SAMPLE:
        return np.zeros(0, np.uint64)
    drawn = np.random.default_rng(0).choice(read.count, _SAMPLE, replace=False)
    each: list[Any] = []
    for exchange in np.sort(drawn).tolist():
        parts = [numbers for _, numbers, _ in phrase_numbers(read.prompt(exchange))]
        each.append(np.unique(np.concatenate(parts)))
    numbers, times = np.unique(np.concatenate(each), return_counts=True)
    return numbers[times > 2 * RARE * _SAMPLE]


def _frequent(keys: Keys) -> tuple[Keys, Numbers]:
    """Return the keys that one rare phrase can go with, in order, and how often they occur."""
    import numpy as np

    known, times = np.unique(keys, return_counts=True)
    kept = (times >= LEAST) & (times <= 2 * RARE * len(keys)) & (known != 0)
    return known[kept], times[kept]


def _among(numbers: Keys, known: Keys) -> NDArray[np.bool_]:
    import numpy as np

    if not len(known):
        return np.zeros(len(numbers), bool)
    places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return known[places] == numbers


def _runs(ordered: Any) -> tuple[Numbers, Numbers]:
    """Return where runs of equal values begin, and how long they are."""
    import numpy as np

    changes = np.ones(len(ordered), bool)
    changes[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(changes)
    return starts, np.diff(np.append(starts, len(ordered)))


def _members(starts: Numbers, sizes: Numbers) -> Numbers:
    """Return the places of all members of some runs, run after run."""
    import numpy as np

    before = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(starts, sizes) + np.arange(int(sizes.sum())) - before


def _commonest(of_run: Numbers, keys: Keys, runs: int) -> tuple[Keys, Numbers]:
    """Return each run's commonest key and how often it has it; `of_run` is in order."""
    import numpy as np

    order = np.lexsort((keys, of_run))
    of_run, keys = of_run[order], keys[order]
    changes = np.ones(len(keys), bool)
    changes[1:] = (of_run[1:] != of_run[:-1]) | (keys[1:] != keys[:-1])
    starts = np.flatnonzero(changes)
    times = np.diff(np.append(starts, len(keys)))
    best = np.lexsort((times, of_run[starts]))  # of each run the last is its commonest
    last = np.searchsorted(of_run[starts][best], np.arange(runs), "right") - 1
    return keys[starts][best][last], times[best][last]


def _mixed(numbers: Keys) -> Keys:
    """Return numbers whose bits depend on all bits of those given (Steele et al., 2014)."""
    import numpy as np

    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


_STEP: Any = 0x9E3779B97F4A7C15
