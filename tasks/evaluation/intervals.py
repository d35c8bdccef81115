"""Confidence intervals of figures over cases: how far a figure may be luck.

Shares (every score 0 or 1): Wilson's score interval, Wilson (1927), Journal of the American
Statistical Association 22, 209-212. Differences of paired shares: Tango's score interval, Tango
(1998), Statistics in Medicine 17, 891-908. Neither is ever of no width, not even where all cases
agree.

Everything else: the percentile bootstrap over cases (Efron and Tibshirani (1993), "An Introduction
to the Bootstrap", chapter 13), with tails widened for small samples by Student's t (Hesterberg
(2015), The American Statistician 69, 371-386, section 4.4). Resampling cannot go beyond the cases
there are: even the range of five values holds the middle of their distribution with a chance of
1 - 2 (1/2)^5 = 94% only, so below six cases there is no interval. Nor is there one where nothing
varies, unless the figure is bounded: as many cases as Wilson's interval leaves may then differ,
as far as the bounds let them. Pure functions, seeded.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from model_registry.scorecard import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
FEWEST = 6  # cases
Bounds = tuple[float, float]
SHARE: Bounds = (0.0, 1.0)
_AT_ONCE = 4_000_000  # drawn indices held in memory together (32 MB)


def mean_estimate(
    scores: Sequence[float], *, seed: int, key: str, bounds: Bounds | None = SHARE
) -> Estimate:
    """Return the mean of per-case scores with its interval; without scores, a missing one.

    `bounds` are the least and the most that a score can be, None if it is not bounded.
    """
    if bounds == SHARE and scores and set(scores) <= set(SHARE):
        return _wilson(int(sum(scores)), len(scores))
    return _mean(scores, bounds, seed=seed, key=key)


def mean_difference(
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    key: str,
    bounds: Bounds | None = SHARE,
) -> Estimate:
    """Return the mean of `first[i] - second[i]` over cases; `bounds` are those of a score."""
    paired = [a - b for a, b in zip(first, second, strict=True)]
    if bounds == SHARE and paired and {*first, *second} <= set(SHARE):
        return _tango(paired.count(1.0), paired.count(-1.0), len(paired))
    span = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return _mean(paired, span, seed=seed, key=key)


def perplexity_estimate(
    nll: Sequence[float], tokens: Sequence[float], *, seed: int, key: str
) -> Estimate:
    """Return exp(sum of nll / sum of tokens), resampling records."""
    return _estimate([nll, tokens], lambda d: _perplexity(d[0], d[1]), seed=seed, key=key)


def perplexity_difference(
    first: Sequence[float],
    second: Sequence[float],
    tokens: tuple[Sequence[float], Sequence[float]],
    *,
    seed: int,
    key: str,
) -> Estimate:
    """Return the first model's perplexity minus the second's on the same records."""

    def difference(drawn: list[Floats]) -> Floats:
        return _perplexity(drawn[0], drawn[2]) - _perplexity(drawn[1], drawn[3])

    return _estimate([first, second, *tokens], difference, seed=seed, key=key)


def _perplexity(nll: Floats, tokens: Floats) -> Floats:
    import numpy as np

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.exp(nll.sum(axis=-1) / tokens.sum(axis=-1))


def _mean(scores: Sequence[float], bounds: Bounds | None, *, seed: int, key: str) -> Estimate:
    found = _estimate([scores], lambda drawn: drawn[0].mean(axis=-1), seed=seed, key=key)
    if bounds is None or found.value is None or len(set(scores)) > 1:
        return found
    low, high = bounds
    differing = _wilson(0, len(scores)).high or 0.0
    return Estimate(
        value=found.value,
        low=found.value - differing * (found.value - low),
        high=found.value + differing * (high - found.value),
        n=found.n,
    )


def _estimate(
    columns: Sequence[Sequence[float]],
    statistic: Callable[[list[Floats]], Floats],
    *,
    seed: int,
    key: str,
) -> Estimate:
    """Apply a statistic over the last axis to the columns and to resamples of their rows.

    The draws depend on `seed` and `key` alone, so a figure does not change when another is added.
    There is no interval over fewer than FEWEST rows, or where no resample differs from another.
    """
    import numpy as np

    data = [np.asarray(column, dtype=np.float64) for column in columns]
    n = len(data[0])
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    value = float(statistic(data))
    if n < FEWEST:
        return Estimate(value=value, low=None, high=None, n=n)
    random = np.random.default_rng([seed, zlib.crc32(key.encode())])
    step = max(1, _AT_ONCE // n)
    found: list[Floats] = []
    for start in range(0, RESAMPLES, step):
        rows = random.integers(0, n, size=(min(step, RESAMPLES - start), n))
        found.append(statistic([column[rows] for column in data]))
    tail = _tail(n)
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    if not high - low > 1e-12 * max(1.0, abs(value)):  # nothing varies but rounding
        return Estimate(value=value, low=None, high=None, n=n)
    return Estimate(value=value, low=float(low), high=float(high), n=n)


def _tail(n: int) -> float:
    """Return the share of resamples to leave out at each end: a little less than half of 5%."""
    from scipy.stats import norm, t

    quantile = t.ppf((1 - CONFIDENCE) / 2, n - 1) * math.sqrt(n / (n - 1))
    return float(norm.cdf(quantile))


def _wilson(hits: int, n: int) -> Estimate:
    from scipy.stats import binomtest

    low, high = binomtest(hits, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(value=hits / n, low=float(low), high=float(high), n=n)


def _tango(gains: int, losses: int, n: int) -> Estimate:
    """Return (gains - losses) / n of n pairs, with the differences that a score test allows."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    value = (gains - losses) / n
    z = float(norm.ppf((1 + CONFIDENCE) / 2))

    def excess(difference: float) -> float:
        """Return by how much a difference is too far off: below zero inside the interval."""
        a, b = 2 * n, -gains - losses + (2 * n - gains + losses) * difference
        c = -losses * difference * (1 - difference)
        losing = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        variance = n * (2 * losing + difference * (1 - difference))
        off = gains - losses - n * difference
        return off * off - z * z * max(0.0, variance)

    def end(bound: float) -> float:
        if value == bound or excess(bound) <= 0:
            return bound
        inside = value + 1e-9 * (bound - value)  # where nothing differs, the variance here is zero
        return float(brentq(excess, inside, bound, xtol=1e-12))  # pyright: ignore[reportArgumentType]

    return Estimate(value=value, low=end(-1.0), high=end(1.0), n=n)
