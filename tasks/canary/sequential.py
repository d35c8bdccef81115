"""Tests that may be read at every tick: e-values, evidence that multiplies.

In a tick the two arms have n1 and n2 requests and d events (errors, slow answers) between them. If
the odds of an event are the same in both, the first arm's x events are hypergeometric; if they are
θ times as high, Fisher's noncentral hypergeometric, whose likelihood ratio to the same at θ0 is

    L = θ^x / Z(θ) : θ0^x / Z(θ0),   Z(θ) = Σ_k h(k) θ^k,   h hypergeometric (n1 + n2, n1, d)

Its mean is 1 if the truth is θ0 and less if it is below. A version may turn bad late, when the
product over all ticks is far below 1; so the products from every tick s on are mixed, with the
weights w(s) = 1 / (s (s + 1)), which sum to 1:

    E(t) = Σ_{s <= t} w(s) L(s) ... L(t)  +  1 / (t + 1)

the last term being the weights of the ticks to come. E is a supermartingale that starts at 1, and
so is its mean over some θ: it ever reaches 1/α with a chance of at most α (Ville 1939). So one may
look at every tick and stop at any. Each tick is a stratum of its own: the share of events may go up
and down through the day, and the arms' sizes may change with the phase. After Robbins (1970),
Annals of Mathematical Statistics 41, 1397-1409 (mixtures); Grünwald, de Heide and Koolen (2024),
Journal of the Royal Statistical Society B 86, 1091-1128 (e-values); Shin, Ramdas and Rinaldo
(2024), New England Journal of Statistics in Data Science 2, 229-260 (starting at every tick).

Against a share p0 that is known the first arm alone counts, and Z(θ) is (1 - p0 + p0 θ)^n1.
Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field

from data_contracts.records import Frozen
from tasks.canary.shares import Events

Odds = tuple[float, ...]
ERRORS: Odds = (3, 10, 30, 300)
SLOW: Odds = (2, 6, 20)  # times what the policy lets pass
TOO_MANY: Odds = (2, 5, 20)


class Watch(Frozen):
    """The evidence so far: how many ticks told something, and the mixture's sum.

    `sums` holds, for each of the odds, the natural logarithm of E's first term.
    """

    ticks: int = Field(default=0, ge=0)
    sums: tuple[float, ...] = ()

    @property
    def evidence(self) -> float:
        """Return the natural logarithm of the e-value."""
        if not self.ticks:
            return 0.0
        return _log_sum(
            [-math.log(self.ticks + 1), *(one - math.log(len(self.sums)) for one in self.sums)]
        )

    def after(self, likelihoods: Sequence[float] | None) -> Watch:
        """Return the evidence after a tick with these (logarithms); None: it told nothing."""
        if likelihoods is None:
            return self
        ticks = self.ticks + 1
        weight = -math.log(ticks * (ticks + 1))
        before = self.sums or (-math.inf,) * len(likelihoods)
        pairs = zip(before, likelihoods, strict=True)
        sums = tuple(_log_sum([old, weight]) + likely for old, likely in pairs)
        return Watch(ticks=ticks, sums=sums)


def more_than(one: Events, other: Events, odds: Odds, least: float = 1) -> list[float] | None:
    """Return the logarithms of a tick's likelihood ratios, one for each of `odds`.

    `least` is θ0, and the odds are multiples of it. None: a tick without events, or with one arm
    empty, tells nothing.
    """
    events = one.hits + other.hits
    if not (events and one.n and other.n):
        return None
    import numpy as np
    from scipy.special import gammaln

    k = np.arange(max(0, events - other.n), min(events, one.n) + 1)
    ways = -gammaln(k + 1) - gammaln(one.n - k + 1)
    ways -= gammaln(events - k + 1) + gammaln(other.n - events + k + 1)
    logs = np.log([least, *(least * theta for theta in odds)])
    terms = ways + np.multiply.outer(logs, k)
    most = terms.max(axis=1)
    totals = most + np.log(np.exp(terms - most[:, None]).sum(axis=1))
    likely = one.hits * logs - totals
    return (likely[1:] - likely[0]).tolist()


def above(one: Events, most: float, odds: Odds) -> list[float] | None:
    """Return the same of a share that is above `most`; None without requests."""
    if not one.n:
        return None
    return [one.hits * math.log(theta) - one.n * math.log1p(most * (theta - 1)) for theta in odds]


def _log_sum(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(log - most) for log in logs))
