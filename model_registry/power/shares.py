"""Confidence intervals of shares and of paired differences of shares, for many outcomes at once.

A share: Clopper and Pearson (1934), Biometrika 26, 404-413. It holds the truth at least as often as
it says, at every number of cases and every share.

A paired difference: the wider, at each end, of Tango's score interval (1998), Statistics in
Medicine 17, 891-908, and of Bonett and Price's (2012), Journal of Educational and Behavioral
Statistics 37, 479-488 (Wald's with one case more won and one more lost), with Student's t for the
normal quantile. The first is right where a gate looks, at a margin: there it errs in 2.3 of 100,
the second in 2.9. The second is right with few cases that nearly all change, where the first holds
the truth in 85 of 100.

`make bench-intervals` sums over every outcome how often they hold the truth, beside others'.
Neither is ever of no width, not even where all cases agree. Needs nothing; writes nothing.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2
Z = NormalDist().inv_cdf(1 - TAIL)
Number = TypeVar("Number", float, "Floats")
_HALVINGS = 40  # of an interval no longer than 2: beyond what anybody reads


def share_interval(hits: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of `hits` of `n` cases (any shape; n at least 1).

    Neither need be whole: of a weighted sample they are what the weights leave.
    """
    import numpy as np
    from scipy.special import betaincinv

    hit, of = np.broadcast_arrays(np.asarray(hits, float), np.asarray(n, float))
    low = betaincinv(np.where(hit > 0, hit, 1), of - hit + 1, TAIL)
    high = betaincinv(hit + 1, np.where(hit < of, of - hit, 1), 1 - TAIL)
    return np.where(hit > 0, low, 0.0), np.where(hit < of, high, 1.0)


def paired_interval(gains: ArrayLike, losses: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return the ends for (gains - losses) / n of n pairs (any shape; n at least 1)."""
    import numpy as np

    of = np.asarray(n, float)
    won, lost = (np.asarray(cases, float) / of for cases in (gains, losses))
    ends = _score_ends(won, lost, of), _adjusted_ends(won, lost, of)
    return np.minimum(*(low for low, _ in ends)), np.maximum(*(high for _, high in ends))


def _score_ends(won: Floats, lost: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return Tango's: what a score test does not reject, found by halving.

    The test's statistic falls as the difference rises, so what is inside is in one piece.
    """
    import numpy as np

    def end(bound: float) -> Floats:
        inside, outside = won - lost, np.full(np.broadcast(won, n).shape, bound)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            off = won - lost - middle
            holds = n * off * off <= Z * Z * score_variance(won, lost, middle)
            inside, outside = np.where(holds, middle, inside), np.where(holds, outside, middle)
        return outside

    return end(-1.0), end(1.0)


def _adjusted_ends(won: Floats, lost: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return Bonett and Price's, with Student's t."""
    import numpy as np
    from scipy.special import stdtrit

    more, less = ((n * share + 1) / (n + 2) for share in (won, lost))
    middle = more - less
    half = stdtrit(n, 1 - TAIL) * np.sqrt((more + less - middle**2) / (n + 2))
    return np.maximum(middle - half, -1.0), np.minimum(middle + half, 1.0)


def score_variance(won: Number, lost: Number, difference: Number) -> Number:
    """Return one pair's variance at the likeliest shares that have a difference.

    `won` and `lost` are the shares seen, numbers or arrays. The likeliest share of losses solves a
    quadratic equation (Tango 1998, equation 6).
    """
    b = (2 - won + lost) * difference - won - lost
    c = difference * (difference - 1) * lost
    losing = (abs(b * b - 8 * c) ** 0.5 - b) / 4  # never below zero, but for rounding
    return abs(2 * losing + difference * (1 - difference))
