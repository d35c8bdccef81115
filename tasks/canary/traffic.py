"""Drawn traffic for the canary's self-test: what a gateway would show at each tick.

Arrivals are Poisson's, latency is lognormal (sigma 0.6) and put into a gateway's buckets, errors,
cut answers and judged ones are binomial. Versions differ in nothing but what a `Kind` says. Needs
nothing; writes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from tasks.canary.arms import ARMS, Reading, Scraped, Weights
from tasks.canary.latency import geometric_edges

if TYPE_CHECKING:
    import numpy as np

AZURE_RATE = 5.53  # requests a second: Azure's trace of LLM conversations, 19,366 in 58 minutes
EDGES = geometric_edges(50, 60_000)  # ms
SIGMA = 0.6  # of the logarithm of a latency
MEDIAN = 2_000  # ms


@dataclass(frozen=True)
class Quality:
    """What one version is like: shares, and its latency over the champion's."""

    errors: float = 0.001
    truncated: float = 0.02
    hallucinated: float = 0.04
    refused: float = 0.03
    latency: float = 1.0


CHAMPION = Quality()


@dataclass(frozen=True)
class Traffic:
    """Requests a second over all arms, and which share of the answers is judged, by arm."""

    rate: float
    judged: float = 1.0
    judged_stable: float = 0.0
    every: float = 1.0  # minutes between two ticks

    def share_judged(self, arm: str) -> float:
        """Return which share of an arm's answers is judged."""
        return self.judged_stable if arm == "stable" else self.judged


class Gateway:
    """The counters of a drawn gateway: `tick` lets time go by and returns what they show."""

    def __init__(
        self, draws: np.random.Generator, traffic: Traffic, canary: Quality, began: datetime
    ) -> None:
        import numpy as np

        self._draws, self._traffic = draws, traffic
        self._qualities = {"baseline": CHAMPION, "stable": CHAMPION, "canary": canary}
        self._sums = {name: np.zeros(6 + len(EDGES) + 1, dtype=np.int64) for name in ARMS}
        self._now = began

    def tick(self, weights: Weights) -> Reading:
        """Draw the requests of a tick under these weights; return all counters after it."""
        self._now += timedelta(minutes=self._traffic.every)
        for name in ARMS:
            share = getattr(weights, name) / 100
            mean = self._traffic.rate * 60 * self._traffic.every * share
            if mean:
                self._sums[name] += self._drawn(name, int(self._draws.poisson(mean)))
        arms: dict[str, Any] = {name: self._shown(name) for name in ARMS}
        return Reading(at=self._now, healthy=True, edges=EDGES, **arms)

    def _drawn(self, name: str, n: int) -> np.ndarray[Any, Any]:
        import numpy as np

        quality, draws = self._qualities[name], self._draws
        judged = int(draws.binomial(n, self._traffic.share_judged(name)))
        counts = [
            n,
            draws.binomial(n, quality.errors),
            draws.binomial(n, quality.truncated),
            judged,
            draws.binomial(judged, quality.hallucinated),
            draws.binomial(judged, quality.refused),
        ]
        return np.concatenate((counts, draws.multinomial(n, _chances(quality.latency))))

    def _shown(self, name: str) -> Scraped:
        import numpy as np

        sums = self._sums[name]
        requests, errors, truncated, judged, hallucinated, refused = sums[:6].tolist()
        return Scraped(
            requests=requests,
            errors=errors,
            truncated=truncated,
            judged=judged,
            hallucinated=hallucinated,
            refused=refused,
            latency=tuple(np.cumsum(sums[6:]).tolist()),
        )


@cache
def _chances(latency: float) -> tuple[float, ...]:
    """Return the chance of each bucket for a version so much slower than the champion."""
    at = NormalDist(math.log(MEDIAN * latency), SIGMA)
    below = [0.0, *(at.cdf(math.log(edge)) for edge in EDGES), 1.0]
    return tuple(b - a for a, b in pairwise(below))
