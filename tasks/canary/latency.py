"""Latency as counts in buckets: what a gateway gives, and how two arms compare by it.

All is computed from the counts, as if each bucket's requests were tied: Mann and Whitney (1947),
Annals of Mathematical Statistics 18, 50-60, with the variance for ties; Hodges and Lehmann's shift
(1963), same annals 34, 598-611, of the logarithms, so it is a ratio, with Moses's interval
(Hollander, Wolfe and Chicken 2014, "Nonparametric Statistical Methods", section 4.3). Within a
bucket nothing is known: ratios are as fine as the edges are. Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEP = "canary"


def geometric_edges(low: float, high: float, step: float = 1.1) -> tuple[float, ...]:
    """Return bucket edges in ms from `low` to at least `high`, each `step` times the last."""
    many = math.ceil(math.log(high / low) / math.log(step))
    return tuple(round(low * step**i, 3) for i in range(many + 1))


class Histogram(Frozen):
    """Requests a bucket: up to each edge (ms), and, last, above them all."""

    edges: tuple[float, ...] = Field(min_length=1)
    counts: tuple[int, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.counts) != len(self.edges) + 1 or min(self.counts) < 0:
            raise ValueError("one count a bucket, none below zero")
        if self.edges[0] <= 0 or any(map(operator.ge, self.edges, self.edges[1:])):
            raise ValueError("edges must grow, from above zero")
        return self

    @classmethod
    def empty(cls, edges: tuple[float, ...]) -> Self:
        """Return one without requests."""
        return cls(edges=edges, counts=(0,) * (len(edges) + 1))

    @property
    def total(self) -> int:
        """Return how many requests it holds."""
        return sum(self.counts)

    def __add__(self, other: Histogram) -> Histogram:
        require_same_edges(self, other)
        counts = tuple(map(operator.add, self.counts, other.counts))
        return self.model_copy(update={"counts": counts})

    def above(self, edge: int) -> int:
        """Return how many are slower than the edge of that index."""
        return sum(self.counts[edge + 1 :])

    def edge_at(self, share: float) -> int | None:
        """Return the index of the first edge that at least `share` are no slower than, if any."""
        wanted = share * self.total
        for index, so_far in enumerate(accumulate(self.counts[:-1])):
            if so_far >= wanted:
                return index
        return None

    def quantile(self, share: float) -> float | None:
        """Return a quantile in ms, on a straight line within its bucket; None without requests.

        Above the last edge it is that edge: no more is known.
        """
        if not self.total:
            return None
        index, wanted = self.edge_at(share), share * self.total
        if index is None:
            return self.edges[-1]
        low = self.edges[index - 1] if index else 0.0
        below, inside = sum(self.counts[:index]), self.counts[index]
        part = (wanted - below) / inside if inside else 1.0
        return low + part * (self.edges[index] - low)


@dataclass(frozen=True)
class Shift:
    """How much slower one arm is: `chance` of so much if neither is (one-sided).

    `above` is the share of pairs in which it is the slower one (ties count half). `ratio` is its
    latency over the other's, `low` and `high` the ends of its interval.
    """

    chance: float
    above: float
    ratio: float
    low: float
    high: float


def slower(one: Histogram, other: Histogram, tail: float) -> Shift:
    """Return how much slower `one` is, the interval leaving `tail` at each end; both hold some."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    require_same_edges(one, other)
    a, b = np.asarray(one.counts, float), np.asarray(other.counts, float)
    m, n = float(a.sum()), float(b.sum())
    u = float(a @ (np.cumsum(b) - b / 2))
    ties = a + b
    lost = float((ties**3 - ties).sum()) / ((m + n) * (m + n - 1))
    spread = math.sqrt(max(0.0, m * n / 12 * (m + n + 1 - lost)))
    off = u - m * n / 2 - 0.5  # as scipy's, with its correction for continuity
    chance = float(ndtr(-off / spread)) if spread else 1.0
    half = -float(ndtri(tail)) * spread
    ratio, low, high = _ratios(one, other, (m * n / 2, m * n / 2 - half, m * n / 2 + half))
    return Shift(chance, u / (m * n), ratio, low, high)


def _ratios(one: Histogram, other: Histogram, ranks: tuple[float, ...]) -> list[float]:
    """Return the ratios of one request of each at these ranks of all pairs, in their order.

    Equal ratios are spread evenly to the next ones on both sides, since a bucket has a width.
    """
    import numpy as np

    points = _middles(one.edges)
    a, b = np.asarray(one.counts, float), np.asarray(other.counts, float)
    # Of ratios that are equal but for rounding of the edges, one is kept.
    gaps = np.round(np.subtract.outer(points[a > 0], points[b > 0]), 3).ravel()
    pairs = np.multiply.outer(a[a > 0], b[b > 0]).ravel()
    distinct, place = np.unique(gaps, return_inverse=True)
    weights = np.bincount(place, weights=pairs)
    middles = np.cumsum(weights) - weights / 2
    return [math.exp(float(np.interp(rank, middles, distinct))) for rank in ranks]


def _middles(edges: tuple[float, ...]) -> Floats:
    """Return the logarithm of each bucket's middle; the outer two are as wide as the next ones."""
    import numpy as np

    logs = np.log(np.asarray(edges, float))
    first = logs[1] - logs[0] if logs.size > 1 else 0.1
    last = logs[-1] - logs[-2] if logs.size > 1 else 0.1
    ends = np.concatenate(([logs[0] - first], logs, [logs[-1] + last]))
    return (ends[1:] + ends[:-1]) / 2


def require_same_edges(one: Histogram, other: Histogram) -> None:
    """Return if both have the same buckets; InputError if not."""
    if one.edges != other.edges:
        raise InputError(
            f"two latency histograms have other buckets ({len(one.edges)} and"
            f" {len(other.edges)} edges)",
            step=STEP,
            where="the gateway's metrics",
            remedy="give every arm the same histogram_bucket_settings, and start the canary again",
        )
