"""What the days ahead cost, drawn from the log's own days.

A two-stage bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 8):
the days are drawn anew with replacement, since they are no more than a sample, and from those the
days ahead. A day keeps its requests together, so bursts and long answers stay as they were. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tasks.costs.spending import Spent

LEAST_DAYS = 5  # fewer have no spread that can be trusted
_DRAWS = 4_000
_LOW, _HIGH = 0.05, 0.95


class Forecast(NamedTuple):
    """Sums over the days ahead: the mean, and the ends of an interval of 90 %."""

    ahead: int
    days: int
    requests: tuple[float, float, float]
    tokens: tuple[float, float, float]
    cost: tuple[float, float, float]


def forecast(days: Sequence[Spent], ahead: int, seed: int) -> Forecast | None:
    """Return what `ahead` days take; None where too few whole days are known.

    It knows no growth and no weekdays: days come as they came.
    """
    if len(days) < LEAST_DAYS:
        return None
    import numpy as np

    draw = np.random.default_rng(seed)
    table = np.array([(one.requests, one.tokens, one.cost) for one in days], float)
    sums = np.empty((_DRAWS, 3))
    for number in range(_DRAWS):
        known = draw.integers(len(days), size=len(days))
        sums[number] = table[known[draw.integers(len(days), size=ahead)]].sum(axis=0)
    ends = np.quantile(sums, (_LOW, _HIGH), axis=0)
    means = table.mean(axis=0) * ahead
    told = [(float(means[i]), float(ends[0, i]), float(ends[1, i])) for i in range(3)]
    return Forecast(ahead, len(days), *told)
