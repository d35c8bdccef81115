"""How far a model's confidence is what it should be, and whether it tells right answers from wrong.

Needs each answer's confidence and whether it was right. Writes nothing. Pure functions, seeded.

The calibration error is the root of the mean squared distance between the confidence and the share
that was right, over bins of equally many answers. Of few answers that is too large even where
confidence is perfect, since a bin's share is off by luck: the square is taken less its expected
part of luck, as Kumar, Liang and Ma (2019), "Verified Uncertainty Calibration", NeurIPS 32, section
4 (after Broecker (2012), Climate Dynamics 39, 655-667) do. What is left may be below zero, then it
counts as none. Bins see nothing that cancels within one, so a true error is no smaller.

AUROC is the chance that of a right and a wrong answer the right one had the higher confidence, ties
counting half (Hanley and McNeil (1982), Radiology 143, 29-36): .5 is no better than tossing a coin.

Intervals: resampled cases (intervals.py), of the error also what its bins' shares may be (Jeffreys'
posterior, as in Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133), and the wider of
both at each end: where hardly an answer is wrong, resampling alone cannot show what luck could do.
Resampling adds luck a second time, so what it gives is moved back to the estimate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from model_registry.power.least import FEWEST
from model_registry.scorecard import Estimate
from tasks.evaluation.intervals import RESAMPLES, random_of, resamples, tail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS = 10
IN_A_BIN = 15  # answers at least, while there are more bins than one


class Answers(NamedTuple):
    """What is judged, both of one length: confidences from 0 to 1, and 1 where it was right."""

    confidence: Floats
    right: Floats


class Drawn(NamedTuple):
    """A figure, and what it could have been: each array is one way to draw it (RESAMPLES)."""

    value: float
    could_be: tuple[Floats, ...]


class Bins(NamedTuple):
    """Equally many answers a bin, by rising confidence: how many, mean confidence, share right."""

    size: Floats
    confidence: Floats
    right: Floats


def bins_of(answers: Answers) -> Bins:
    """Return the bins: ten, or as many as have fifteen answers each."""
    member = _members(answers.confidence)
    size = member.sum(axis=0)
    return Bins(size, answers.confidence @ member / size, answers.right @ member / size)


def expected_error(bins: Bins) -> float:
    """Return the mean distance over bins, ECE of Naeini et al. (2015): of few answers too large."""
    gaps = abs(bins.confidence - bins.right)
    return float(gaps @ bins.size / bins.size.sum())


def calibration_error(answers: Answers, *, seed: int, key: str) -> Drawn:
    """Return the calibration error; NaN over fewer than two answers."""
    import numpy as np

    n = len(answers.confidence)
    if n < 2:
        return Drawn(math.nan, ())
    member, bins = _members(answers.confidence), bins_of(answers)
    found = float(_squared(bins))
    if n < FEWEST:
        return Drawn(math.sqrt(max(0.0, found)), ())
    drawn: list[Floats] = []
    for times in resamples(n, seed=seed, key=key):
        size = times @ member
        with np.errstate(divide="ignore", invalid="ignore"):  # a bin may be drawn empty
            sums = (times * answers.confidence) @ member, (times * answers.right) @ member
            drawn.append(_squared(Bins(size, sums[0] / size, sums[1] / size)))
    wrong = bins.size * (1 - bins.right)
    shares = random_of(seed, f"{key}/shares").beta(
        bins.size - wrong + 0.5, wrong + 0.5, size=(RESAMPLES, len(bins.size))
    )
    likely = (bins.confidence - shares) ** 2 @ bins.size / n
    ways = (np.concatenate(drawn), likely)
    moved = (np.sqrt(np.maximum(0.0, way - way.mean() + found)) for way in ways)
    return Drawn(math.sqrt(max(0.0, found)), tuple(moved))


def auroc(answers: Answers, *, seed: int, key: str) -> Drawn:
    """Return the AUROC; NaN unless some are right and some wrong, no interval unless eight are."""
    import numpy as np

    order = np.argsort(answers.confidence, kind="stable")
    ranked, right = answers.confidence[order], answers.right[order]
    begins = np.flatnonzero(np.diff(ranked, prepend=-1.0))  # of each group of equal confidence

    def area(times: Floats) -> Floats:
        good, bad = (np.add.reduceat(times * share, begins, axis=1) for share in (right, 1 - right))
        below = np.cumsum(bad, axis=1) - bad / 2
        with np.errstate(invalid="ignore"):
            return (good * below).sum(axis=1) / (good.sum(axis=1) * bad.sum(axis=1))

    n, hits = len(right), int(right.sum())
    value = float(area(np.ones((1, n)))[0]) if n else math.nan
    if min(hits, n - hits) < FEWEST:
        return Drawn(value, ())
    drawn = [area(times[:, order]) for times in resamples(n, seed=seed, key=key)]
    return Drawn(value, (np.concatenate(drawn),))


def estimate(drawn: Drawn, n: int) -> Estimate:
    """Return a figure with the widest interval of all the ways in which it was drawn."""
    import numpy as np

    left_out = tail(n) if drawn.could_be else 0.0
    ends = [np.nanquantile(way, [left_out, 1 - left_out]) for way in drawn.could_be]
    low = min((float(end[0]) for end in ends), default=math.nan)
    high = max((float(end[1]) for end in ends), default=math.nan)
    if high - low < 1e-12:  # all alike: nothing tells how far another sample could be off
        low = high = math.nan
    return Estimate(value=drawn.value, low=low, high=high, n=n)


def difference(one: Drawn, other: Drawn, n: int) -> Estimate:
    """Return how much more the first is; both must be drawn by one key from the same cases."""
    pairs = zip(one.could_be, other.could_be, strict=False)
    apart = Drawn(one.value - other.value, tuple(first - second for first, second in pairs))
    return estimate(apart, n)


def _members(confidence: Floats) -> Floats:
    """Return (answers, bins), 1 where an answer is of a bin."""
    import numpy as np

    n = len(confidence)
    bins = max(1, min(BINS, n // IN_A_BIN))
    place = np.empty(n, dtype=np.int64)
    place[np.argsort(confidence, kind="stable")] = np.arange(n) * bins // max(1, n)
    return np.eye(bins)[place]


def _squared(bins: Bins) -> Floats:
    """Return the squared error over the last axis, less luck; bins of one answer do not count."""
    import numpy as np

    luck = bins.right * (1 - bins.right) / np.maximum(1.0, bins.size - 1)
    squares = np.where(bins.size > 1, (bins.confidence - bins.right) ** 2 - luck, 0.0)
    return (squares * bins.size).sum(axis=-1) / bins.size.sum(axis=-1)
