"""Requests counted by groups of users, and the difference of two arms with its variance.

Requests of one user are alike: they count for less than as many of strangers. So the unit is the
user, and as no user may be kept, users are put into `GROUPS` groups by a keyed hash, whose key is
in memory alone and deleted at the experiment's end. What is kept is a count and a sum a group. A
user is in one group, whole, so groups are independent however alike a user's requests are; the
variance between groups is then right for any such likeness (users are merged at random, which
changes neither the mean nor the variance of a sum over them). A request without a user is its own.

Variance of a ratio of sums by linearization: with group sums y and counts n, R = Σy / Σn,

    V(R) = m / (m - 1) Σ (y - R n)² / (Σn)²          (m groups that have a request)

Where all of an arm's values of a share are the same that would be 0; it is then taken for that of
(hits + 1) / (n + 2), as if one more of each had come.
After Deng, Knoblich and Lu (2018), "Applying the Delta Method in Metric Analytics", KDD, 233-242.
Needs nothing; writes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, Self

from pydantic import Field

from data_contracts.records import Frozen
from tasks.experiment.metrics import METRICS, Metric

GROUPS = 100
Arm = Literal["baseline", "canary"]
ARMS: tuple[Arm, ...] = ("baseline", "canary")  # A and B
FEWEST_GROUPS, FEWEST_EVENTS = 40, 40


def group_of(key: bytes, user: str, request: str) -> int:
    """Return the group of a request: that of its user, or one by its own id if it names none."""
    whose = f"user:{user}" if user else f"request:{request}"
    digest = hmac.new(key, whose.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") % GROUPS


class Sums(Frozen):
    """A metric's counts and sums in one arm, by group; both of length `GROUPS`."""

    n: tuple[int, ...] = Field(default=(0,) * GROUPS, min_length=GROUPS, max_length=GROUPS)
    total: tuple[float, ...] = Field(default=(0.0,) * GROUPS, min_length=GROUPS, max_length=GROUPS)

    @property
    def mean(self) -> float | None:
        """Return the arm's mean over requests; None without one."""
        return sum(self.total) / sum(self.n) if any(self.n) else None


class Tally:
    """The sums of both arms as they grow, in plain lists."""

    def __init__(self, sums: Mapping[str, Mapping[str, Sums]] | None = None) -> None:
        """Begin with sums that were counted before, or with none."""
        self._lists = {
            arm: {
                metric: (list(found.n), list(found.total))
                for metric, found in (sums or {}).get(arm, {}).items()
            }
            for arm in ARMS
        }

    def add(self, arm: str, group: int, values: Mapping[Metric, float]) -> None:
        """Count a request's values; an arm that is not compared is left out."""
        if arm not in self._lists:
            return
        metrics = self._lists[arm]
        for metric, value in values.items():
            n, total = metrics.setdefault(metric, ([0] * GROUPS, [0.0] * GROUPS))
            n[group] += 1
            total[group] += value

    def sums(self) -> dict[str, dict[str, Sums]]:
        """Return the sums by arm and metric."""
        return {
            arm: {of: Sums(n=tuple(n), total=tuple(total)) for of, (n, total) in metrics.items()}
            for arm, metrics in self._lists.items()
        }


class Estimate(NamedTuple):
    """B beside A: `difference` of shares, or of the logarithms of means, and its variance.

    `events` is how often the rarer outcome of a share came, in both arms; None of a mean.
    """

    difference: float
    variance: float
    a: float
    b: float
    n_a: int
    n_b: int
    groups: int
    events: int | None

    @property
    def lacks(self) -> str:
        """Return what is lacking before a normal distribution may be believed; empty: nothing."""
        if self.groups < FEWEST_GROUPS:
            return f"users in {self.groups} of {GROUPS} groups, {FEWEST_GROUPS} are needed"
        if self.events is not None and self.events < FEWEST_EVENTS:
            return f"{self.events} of the rarer outcome in both arms, {FEWEST_EVENTS} are needed"
        return "" if self.variance > 0 else "all values are the same"

    @classmethod
    def of(cls, metric: Metric, a: Sums, b: Sums) -> Self | None:
        """Return the difference of two arms; None if an arm has no request, or a mean is 0."""
        means = a.mean, b.mean
        if means[0] is None or means[1] is None:
            return None
        (mean_a, mean_b), share = (means[0], means[1]), METRICS[metric].share
        if not share and min(mean_a, mean_b) <= 0:
            return None
        spread = _variance(a, share=share), _variance(b, share=share)
        scale = (1.0, 1.0) if share else (mean_a**2, mean_b**2)
        hits, n = sum(a.total) + sum(b.total), sum(a.n) + sum(b.n)
        return cls(
            difference=mean_b - mean_a if share else math.log(mean_b / mean_a),
            variance=spread[0] / scale[0] + spread[1] / scale[1],
            a=mean_a,
            b=mean_b,
            n_a=sum(a.n),
            n_b=sum(b.n),
            groups=min(sum(n > 0 for n in x.n) for x in (a, b)),
            events=round(min(hits, n - hits)) if share else None,
        )


def _variance(of: Sums, *, share: bool) -> float:
    """Return the variance of an arm's mean by its groups; 0 if it has fewer than two."""
    hits, n = sum(of.total), sum(of.n)
    ratio, there = hits / n, sum(k > 0 for k in of.n)
    if share and hits in (0, n):
        near = (hits + 1) / (n + 2)
        return near * (1 - near) / n
    if there < 2:
        return 0.0
    squares = sum((y - ratio * k) ** 2 for y, k in zip(of.total, of.n, strict=True))
    return there / (there - 1) * squares / n**2
