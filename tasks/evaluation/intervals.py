"""Confidence intervals of figures over cases: how far a figure may be luck.

Shares (every score 0 or 1) and differences of paired shares have the intervals of
model_registry/power/shares.py, which are never of no width, not even where all cases agree.

Everything else: the percentile bootstrap over cases (Efron and Tibshirani (1993), "An Introduction
to the Bootstrap", chapter 13), with tails widened for small samples by Student's t (Hesterberg
(2015), The American Statistician 69, 371-386, section 4.4), and by one part in twice the root of n:
of a skewed figure each end alone is off by that order (Hall (1992), "The Bootstrap and Edgeworth
Expansion", section 3.4). Resampling cannot go beyond the cases there are: below eight there is no
interval. Nor is there one where nothing varies, unless the figure is bounded: as many cases as the
exact interval leaves may then differ, as far as the bounds let them. Pure
functions, seeded. How often each holds the truth is measured by `make bench-intervals`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from model_registry.power.least import FEWEST
from model_registry.power.shares import TAIL, paired_interval, share_interval
from model_registry.scorecard import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Statistic = Callable[[list[Floats], int], Floats]

RESAMPLES = 2000
Bounds = tuple[float, float]
SHARE: Bounds = (0.0, 1.0)
_AT_ONCE = 4_000_000  # numbers held in memory together (32 MB)


def mean_estimate(
    scores: Sequence[float], *, seed: int, key: str, bounds: Bounds | None = SHARE
) -> Estimate:
    """Return the mean of per-case scores with its interval; without scores, a missing one.

    `bounds` are the least and the most that a score can be, None if it is not bounded.
    """
    if bounds == SHARE and scores and set(scores) <= set(SHARE):
        hits, n = int(sum(scores)), len(scores)
        low, high = share_interval(hits, n)
        return Estimate(value=hits / n, low=float(low), high=float(high), n=n)
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
        gains, losses, n = paired.count(1.0), paired.count(-1.0), len(paired)
        low, high = paired_interval(gains, losses, n)
        return Estimate(value=(gains - losses) / n, low=float(low), high=float(high), n=n)
    span = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return _mean(paired, span, seed=seed, key=key)


def perplexity_estimate(
    nll: Sequence[float], tokens: Sequence[float], *, seed: int, key: str
) -> Estimate:
    """Return exp(sum of nll / sum of tokens), resampling records."""
    return _estimate([nll, tokens], perplexity_of, seed=seed, key=key)


def perplexity_difference(
    first: Sequence[float],
    second: Sequence[float],
    tokens: tuple[Sequence[float], Sequence[float]],
    *,
    seed: int,
    key: str,
) -> Estimate:
    """Return the first model's perplexity minus the second's on the same records."""
    return _estimate([first, second, *tokens], perplexities_apart, seed=seed, key=key)


def mean_of(sums: list[Floats], n: int) -> Floats:
    """Return the means whose sums are given."""
    return sums[0] / n


def perplexity_of(sums: list[Floats], n: int) -> Floats:
    """Return perplexities from sums of nll and of tokens."""
    import numpy as np

    del n
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.exp(sums[0] / sums[1])


def perplexities_apart(sums: list[Floats], n: int) -> Floats:
    """Return two models' perplexities' difference, from their sums of nll and then of tokens."""
    return perplexity_of([sums[0], sums[2]], n) - perplexity_of([sums[1], sums[3]], n)


def bootstrap(
    columns: Sequence[Floats], statistic: Statistic, *, seed: int, key: str
) -> tuple[Floats, Floats, Floats]:
    """Return a statistic of sums over the last axis, and the ends of its interval, row by row.

    Columns are of one shape (rows, cases), cases at least 1; so are drawn many samples at once, all
    resampled alike. The resamples depend on `seed` and `key` alone, so a figure does not change
    when another is added. Ends are NaN over fewer than FEWEST cases, or where no resample differs
    from another.
    """
    import numpy as np

    n = columns[0].shape[-1]
    value = statistic([column.sum(axis=-1) for column in columns], n)
    low, high = np.full((2, *value.shape), np.nan)
    if n < FEWEST:
        return value, low, high
    found = [
        statistic([column @ times.T for column in columns], n)
        for times in resamples(n, seed=seed, key=key)
    ]
    left_out = tail(n)
    low, high = np.quantile(np.concatenate(found, axis=-1), [left_out, 1 - left_out], axis=-1)
    varies = high - low > 1e-12 * np.maximum(1.0, np.abs(value))  # by more than rounding
    return value, np.where(varies, low, np.nan), np.where(varies, high, np.nan)


def resamples(n: int, *, seed: int, key: str) -> Iterator[Floats]:
    """Yield, many at once, how often each of RESAMPLES samples (a row) draws each of n cases."""
    random = random_of(seed, key)
    step = max(1, _AT_ONCE // n)
    for start in range(0, RESAMPLES, step):
        yield _times_drawn(random.integers(0, n, size=(min(step, RESAMPLES - start), n)))


def random_of(seed: int, key: str) -> np.random.Generator:
    """Return the random numbers of a figure, which are no other figure's."""
    import numpy as np

    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def _times_drawn(rows: NDArray[np.int64]) -> Floats:
    """Return how often each resample (a row) draws each case."""
    import numpy as np

    draws, n = rows.shape
    places = rows + n * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def _mean(scores: Sequence[float], bounds: Bounds | None, *, seed: int, key: str) -> Estimate:
    found = _estimate([scores], mean_of, seed=seed, key=key)
    if bounds is None or found.value is None or len(set(scores)) > 1:
        return found
    low, high = bounds
    differing = float(share_interval(0, len(scores))[1])
    return Estimate(
        value=found.value,
        low=found.value - differing * (found.value - low),
        high=found.value + differing * (high - found.value),
        n=found.n,
    )


def _estimate(
    columns: Sequence[Sequence[float]], statistic: Statistic, *, seed: int, key: str
) -> Estimate:
    import numpy as np

    n = len(columns[0])
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    data = [np.asarray(column, dtype=np.float64)[None, :] for column in columns]
    value, low, high = (float(found[0]) for found in bootstrap(data, statistic, seed=seed, key=key))
    return Estimate(value=value, low=low, high=high, n=n)


def tail(n: int) -> float:
    """Return the share of resamples to leave out at each end: a little less than half of 5%."""
    from scipy.special import ndtr, stdtrit

    quantile = stdtrit(n - 1, TAIL) * math.sqrt(n / (n - 1)) * (1 + 0.5 / math.sqrt(n))
    return float(ndtr(quantile))
