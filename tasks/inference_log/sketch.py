"""Quantiles of many numbers in little memory: a count for each hundredth of their size.

After the idea of DDSketch (Masson, Rim and Lee, VLDB 2019): buckets grow with the numbers, so a
quantile is right within 1% of its value however many numbers there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, exp, log

_GROWTH = log(1.02)
_LEAST = 1e-6  # what is smaller counts as zero
_ZERO = -1000  # its bucket: below that of any number that counts


class Sketch:
    """Numbers from zero on; `counts` are those of another one, to go on from."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._buckets = dict(counts or {})
        self.n = sum(self._buckets.values())

    @property
    def counts(self) -> dict[int, int]:
        """Return how many numbers lie in each bucket, as they may be kept."""
        return dict(sorted(self._buckets.items()))

    def add(self, value: float) -> None:
        """Count a number."""
        self.n += 1
        bucket = _bucket(value)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def quantile(self, share: float) -> float | None:
        """Return the number below which a share of them lies; None of none."""
        if not self.n:
            return None
        wanted = max(1, ceil(share * self.n))
        passed = 0
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            if passed >= wanted:
                # The middle of the bucket, by ratio.
                return 0.0 if bucket == _ZERO else exp((bucket - 0.5) * _GROWTH)
        raise AssertionError("more numbers were asked for than were counted")

    def above(self, value: float) -> int:
        """Return how many numbers are larger than one, by more than what a bucket blurs."""
        least = _bucket(value)
        return sum(count for bucket, count in self._buckets.items() if bucket > least)


def _bucket(value: float) -> int:
    return _ZERO if value < _LEAST else ceil(log(value) / _GROWTH)
