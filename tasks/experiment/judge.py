"""What an experiment says at a look: who is better, or what is lacking.

Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import AwareDatetime, Field

from data_contracts.records import Frozen
from tasks.experiment.groups import ARMS, Estimate, Sums
from tasks.experiment.metrics import METRICS, Metric
from tasks.experiment.mixture import half_width, p_value, variance_needed

Verdict = Literal[
    "B is better",
    "A is better",
    "B has more",
    "A has more",
    "no difference that matters",
    "nothing can be said yet",
    "the difference changed",
]


class Asked(Frozen):
    """What an experiment is to find out."""

    metric: Metric
    effect: float = Field(gt=0, lt=1, description="the least difference that matters")
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    share: float = Field(gt=0, le=50, description="percent of the users in each of both arms")
    hours: float = Field(gt=0)

    @property
    def tau(self) -> float:
        """Return the effect on the scale of the test: of a mean, its ratio's logarithm."""
        return self.effect if METRICS[self.metric].share else math.log1p(self.effect)


class Look(Frozen):
    """One look. `difference`, `low` and `high` are B - A, or of a mean B / A - 1.

    `p`, `low` and `high` are those of all looks so far: the least, the highest, the least.
    """

    at: AwareDatetime
    a: float
    b: float
    n_a: int
    n_b: int
    difference: float
    low: float
    high: float
    p: float
    seconds: float | None = Field(
        default=None, description="until a difference of `effect` would be seen, at this traffic"
    )


class Mean(Frozen):
    """A metric in one arm: how many requests have a value, and their mean."""

    n: int
    mean: float


class Experiment(Frozen):
    """What is asked, and all that was seen of it. `means` are of the newest look, by arm."""

    asked: Asked
    looks: tuple[Look, ...] = ()
    looked: AwareDatetime | None = None
    lacks: str = "no requests were counted"
    means: dict[str, dict[str, Mean]] = Field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Return what the looks say together."""
        return verdict(self.asked, self.looks)

    def after(
        self, counts: Mapping[str, Mapping[str, Sums]], at: AwareDatetime, since: AwareDatetime
    ) -> Self:
        """Return it after a look at these sums by arm and metric; `since`: when traffic began."""
        means = {
            arm: {
                of: Mean(n=sum(sums.n), mean=mean)
                for of, sums in metrics.items()
                if (mean := sums.mean) is not None
            }
            for arm, metrics in counts.items()
        }
        metric, none = self.asked.metric, Sums()
        a, b = (counts.get(arm, {}).get(metric, none) for arm in ARMS)
        found = Estimate.of(metric, a, b)
        lacks = found.lacks if found else "an arm has no request that was counted for it"
        looks = self.looks
        if found and not lacks:
            before, seconds = looks[-1] if looks else None, (at - since).total_seconds()
            looks = (*looks, look(self.asked, found, before, at, seconds))
        return self.model_copy(
            update={"looks": looks, "looked": at, "lacks": lacks, "means": means}
        )


def look(
    asked: Asked, found: Estimate, before: Look | None, at: AwareDatetime, seconds: float
) -> Look:
    """Return a look at an estimate that lacks nothing, `seconds` after the traffic began."""
    half = half_width(found.variance, asked.tau, asked.alpha)
    low, high = (_shown(asked.metric, found.difference + end) for end in (-half, half))
    p = p_value(found.difference, found.variance, asked.tau)
    if before:
        low, high, p = max(low, before.low), min(high, before.high), min(p, before.p)
    left = found.variance / variance_needed(asked.tau, asked.alpha) - 1
    return Look(
        at=at,
        a=found.a,
        b=found.b,
        n_a=found.n_a,
        n_b=found.n_b,
        difference=_shown(asked.metric, found.difference),
        low=low,
        high=high,
        p=p,
        seconds=max(0.0, left * seconds),
    )


def verdict(asked: Asked, looks: Sequence[Look]) -> Verdict:
    """Return what the looks say together."""
    if not looks:
        return "nothing can be said yet"
    last, better = looks[-1], METRICS[asked.metric].better
    if last.low > last.high:  # each look's own holds no difference that the others' hold
        return "the difference changed"
    if last.low > 0 or last.high < 0:
        more = last.low > 0
        if better is None:
            return "B has more" if more else "A has more"
        return "B is better" if more == (better == "higher") else "A is better"
    least = -asked.effect if METRICS[asked.metric].share else 1 / (1 + asked.effect) - 1
    if last.low >= least and last.high <= asked.effect:
        return "no difference that matters"
    return "nothing can be said yet"


def _shown(metric: Metric, value: float) -> float:
    return value if METRICS[metric].share else math.expm1(value)
