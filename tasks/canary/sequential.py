"""Tests that may be read at every tick: e-values, evidence that multiplies.

In a tick the two arms have n1 and n2 requests and d events (errors, slow answers) between them. If
the odds of an event are the same in both, the first arm's x events are hypergeometric; if they are
θ times as high, Fisher's noncentral hypergeometric, whose likelihood ratio to the same at θ0 is

    θ^x / Z(θ) : θ0^x / Z(θ0),   Z(θ) = Σ_k h(k) θ^k,   h hypergeometric (n1 + n2, n1, d)

Its mean is 1 if the truth is θ0 and less if it is below, so the product over ticks, averaged over
some θ, is a supermartingale that starts at 1: it ever reaches 1/α with a chance of at most α
(Ville 1939). So one may look at every tick and stop at any. Each tick is a stratum of its own: the
share of events may go up and down through the day, and the arms' sizes may change with the phase.
After Robbins (1970), Annals of Mathematical Statistics 41, 1397-1409 (mixtures), and Grünwald, de
Heide and Koolen (2024), Journal of the Royal Statistical Society B 86, 1091-1128 (e-values); for
2 x 2 tables in a stream Turner, Ly and Grünwald (2024), Statistics & Probability Letters 205.

Against a share p0 that is known the first arm alone counts, and Z(θ) is (1 - p0 + p0 θ)^n1.
Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.canary.shares import Events

Odds = tuple[float, ...]
ERRORS: Odds = (3, 10, 30, 300)
SLOW: Odds = (2, 6, 20)  # times what the policy lets pass
TOO_MANY: Odds = (2, 5, 20)


def grown(
    before: Sequence[float], one: Events, other: Events, odds: Odds, least: float = 1
) -> list[float]:
    """Return the evidence (natural logarithm, one for each of `odds`) after a tick's events.

    `least` is θ0, and the odds are multiples of it. A tick without events, or with one arm empty,
    tells nothing.
    """
    events = one.hits + other.hits
    if not (events and one.n and other.n):
        return list(before)
    import numpy as np
    from scipy.special import gammaln, logsumexp

    k = np.arange(max(0, events - other.n), min(events, one.n) + 1)
    ways = -gammaln(k + 1) - gammaln(one.n - k + 1)
    ways -= gammaln(events - k + 1) + gammaln(other.n - events + k + 1)
    logs = np.log([least, *(least * theta for theta in odds)])
    totals = logsumexp(ways + np.multiply.outer(logs, k), axis=1)
    likely = one.hits * logs - totals
    return [old + float(new) for old, new in zip(before, likely[1:] - likely[0], strict=True)]


def grown_above(before: Sequence[float], one: Events, most: float, odds: Odds) -> list[float]:
    """Return the evidence that an arm's share is above `most`, after a tick's events."""
    return [
        old + one.hits * math.log(theta) - one.n * math.log1p(most * (theta - 1))
        for old, theta in zip(before, odds, strict=True)
    ]


def evidence(logs: Sequence[float]) -> float:
    """Return the natural logarithm of the mean of the e-values."""
    most = max(logs)
    return most + math.log(sum(math.exp(log - most) for log in logs) / len(logs))
