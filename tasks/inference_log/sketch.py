"""Quantiles of many numbers in little memory: a count for each hundredth of their size.

After the idea of DDSketch (Masson, Rim and Lee, VLDB 2019): buckets grow with the numbers, so a
quantile is right within 1% of its value however many numbers there are.
"""

from __future__ import annotations

import math
from collections import Counter

_GROWTH = math.log(1.02)
_LEAST = 1e-6  # what is smaller counts as zero


class Sketch:
    """Numbers from zero on."""

    def __init__(self) -> None:
        self._buckets, self._zeros, self.n = Counter[int](), 0, 0

    def add(self, value: float) -> None:
        """Count a number."""
        self.n += 1
        if value < _LEAST:
            self._zeros += 1
        else:
            self._buckets[math.ceil(math.log(value) / _GROWTH)] += 1

    def quantile(self, share: float) -> float | None:
        """Return the number below which a share of them lies; None of none."""
        if not self.n:
            return None
        wanted = max(1, math.ceil(share * self.n)) - self._zeros
        if wanted <= 0:
            return 0.0
        passed = 0
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            if passed >= wanted:
                # The middle of the bucket, by ratio.
                return math.exp((bucket - 0.5) * _GROWTH)
        raise AssertionError("more numbers were asked for than were counted")
