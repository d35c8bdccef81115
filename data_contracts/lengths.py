"""Lengths as histograms that can be added up row by row: three buckets to each doubling.

A histogram maps the least length of a bucket to the number of rows in it. Pure functions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

CHARACTERS_A_TOKEN = 4  # a usual figure for English; only a tokenizer knows better
ESTIMATE = f"characters / {CHARACTERS_A_TOKEN}"
TokenCounter = Callable[[str], int]


def _edges() -> tuple[int, ...]:
    sizes = (round(2 ** (step / 3)) for step in range(3 * 32))
    return (0, *dict.fromkeys(sizes))


EDGES = _edges()  # 0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, …


def bucket(length: int) -> int:
    """Return the least length of the bucket that `length` falls into."""
    return EDGES[bisect_right(EDGES, max(0, length)) - 1]


def bucket_end(least: int) -> int:
    """Return the first length beyond a bucket."""
    place = bisect_right(EDGES, least)
    return EDGES[place] if place < len(EDGES) else 2 * least


def quantile(histogram: Mapping[int, int], share: float) -> int:
    """Return the length that `share` of the rows do not exceed, to its bucket's end; 0 if none."""
    wanted, seen = share * sum(histogram.values()), 0
    for least in sorted(histogram):
        seen += histogram[least]
        if seen >= wanted:
            return bucket_end(least) - 1
    return 0


def token_count(texts: Sequence[str], counter: TokenCounter | None = None) -> int:
    """Return the tokens of a record's texts: counted, or by default estimated (`ESTIMATE`)."""
    if counter is None:
        return sum(-(-len(text) // CHARACTERS_A_TOKEN) for text in texts)
    return sum(counter(text) for text in texts)
