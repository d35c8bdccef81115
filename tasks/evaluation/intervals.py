"""Confidence intervals by resampling cases: how far a figure may be luck.

The percentile bootstrap: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter
13; the paired difference resamples cases, keeping both models' scores of a case together. Where
every score is 0, or every score is 1, resampling cannot vary and Wilson's score interval is given
instead: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212. Pure functions, seeded.
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
_Z = 1.959963984540054  # the normal quantile of 0.975
_AT_ONCE = 4_000_000  # drawn indices held in memory together (32 MB)


def mean_estimate(scores: Sequence[float], *, seed: int, key: str) -> Estimate:
    """Return the mean of per-case scores with its interval; without scores, a missing one."""
    if len(set(scores)) == 1 and scores[0] in (0.0, 1.0):
        return _wilson(int(sum(scores)), len(scores))
    return _estimate([scores], lambda drawn: drawn[0].mean(axis=-1), seed=seed, key=key)


def mean_difference(
    first: Sequence[float], second: Sequence[float], *, seed: int, key: str
) -> Estimate:
    """Return the mean of `first[i] - second[i]` over cases, resampling cases."""
    paired = [a - b for a, b in zip(first, second, strict=True)]
    return _estimate([paired], lambda drawn: drawn[0].mean(axis=-1), seed=seed, key=key)


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


def _estimate(
    columns: Sequence[Sequence[float]],
    statistic: Callable[[list[Floats]], Floats],
    *,
    seed: int,
    key: str,
) -> Estimate:
    """Apply a statistic over the last axis to the columns and to resamples of their rows.

    The draws depend on `seed` and `key` alone, so a figure does not change when another is added.
    """
    import numpy as np

    data = [np.asarray(column, dtype=np.float64) for column in columns]
    n = len(data[0])
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    random = np.random.default_rng([seed, zlib.crc32(key.encode())])
    step = max(1, _AT_ONCE // n)
    found: list[Floats] = []
    for start in range(0, RESAMPLES, step):
        rows = random.integers(0, n, size=(min(step, RESAMPLES - start), n))
        found.append(statistic([column[rows] for column in data]))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    return Estimate(value=float(statistic(data)), low=float(low), high=float(high), n=n)


def _wilson(hits: int, n: int) -> Estimate:
    share, z2 = hits / n, _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(
        value=share, low=0.0 if hits == 0 else low, high=1.0 if hits == n else high, n=n
    )
