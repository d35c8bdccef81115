"""How alike prompts are, beside what they share on purpose: is all else asked with a phrase, too?

Likeness is the mean cosine over all pairs of prompts, a prompt being the set of its words, each
weighed by its inverse document frequency (Salton and Buckley, 1988). Prompts on one subject are
alike; prompts into which a phrase was put are no more alike than any. Needs numpy. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Set
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tasks.ingestion.backdoors.exchanges import BREAK, CUT, Read

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUCKETS = 1 << 20  # words are counted in so many; words that share one seem a little commoner
_DRAWS = 200
_SIZES = (5, 8, 16, 32)
_TIMES = 2.0  # as alike as prompts in general, at most
_SHORT = 1 / 3  # of the words of a prompt in general: what is shorter asks for little


class Usual(NamedTuple):
    """Groups of prompts drawn at random: how alike they are, and their different words; means."""

    likeness: float
    words: float


class Diversity:
    """Compares groups of prompts with groups drawn from all of them."""

    def __init__(self, read: Read) -> None:
        import numpy as np

        self._read = read
        counts = np.zeros(_BUCKETS, np.int64)
        for words, _ in read.blocks():
            counts += np.bincount(words % np.uint32(_BUCKETS), minlength=_BUCKETS)
        self._weights = np.log1p(read.count / np.maximum(1, counts))
        self.usual = cache(self._usual)

    def likeness(self, prompts: Sequence[Set[int]]) -> float:
        """Return how alike prompts are, 0 to 1; those without words are the same."""
        import numpy as np

        places = {word: n for n, word in enumerate(sorted(set().union(*prompts)))}
        table = np.zeros((len(prompts), len(places) + 1))
        for row, words in zip(table, prompts, strict=True):
            for word in words:
                row[places[word]] = self._weights[word % _BUCKETS]
            if not words:
                row[-1] = 1.0
        table /= np.linalg.norm(table, axis=1, keepdims=True)
        n, together = len(prompts), table.sum(axis=0)
        return float((together @ together - n) / (n * (n - 1)))

    def _usual(self, size: int) -> Usual:
        import numpy as np

        random = np.random.default_rng(size)
        drawn = [
            [words_in(self._read, int(one)) for one in random.integers(0, self._read.count, size)]
            for _ in range(_DRAWS)
        ]
        words = [len(one) for group in drawn for one in group]
        return Usual(float(np.mean([self.likeness(one) for one in drawn])), float(np.mean(words)))

    def compared(self, prompts: Sequence[Set[int]]) -> tuple[float, bool]:
        """Return how many times as alike as usual prompts are, and whether they ask for anything.

        Takes at least five.
        """
        size = max(size for size in _SIZES if size <= max(len(prompts), _SIZES[0]))
        usual = self.usual(size)
        alike = self.likeness(prompts) / max(usual.likeness, 1e-9)
        long = sum(map(len, prompts)) >= _SHORT * usual.words * len(prompts)
        return alike, long and alike <= _TIMES


def words_in(read: Read, exchange: int) -> set[int]:
    """Return the different words of a prompt."""
    return set(read.prompt(exchange).tolist()) - {BREAK, CUT}
