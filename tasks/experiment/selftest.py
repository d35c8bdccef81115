"""The experiment's own test: how often it is wrong about versions whose truth is known.

Each run draws two arms (`drawn.py`) and is looked at 24 times by the judge itself. Where both are
the same, a run is wrong if any look says that one is better; that may be in 5 % of the runs. Where
they differ by the effect that the least count of requests was computed for, 80 % must be seen.
Beside it: what the same runs would say to a test that is made for one look, and to one that takes
each request for a user of its own. Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from tasks.experiment.drawn import SIGMA, Drawn, draw_arm
from tasks.experiment.groups import Estimate
from tasks.experiment.judge import Asked, Look, look, verdict
from tasks.experiment.metrics import Metric
from tasks.experiment.mixture import POWER, p_value, variance_needed

if TYPE_CHECKING:
    import numpy as np

LOOKS, ALPHA = 24, 0.05
REQUESTS = 24_000  # of an arm: a day of 5.53 a second at 5 % each
WON = ("B is better", "A is better", "B has more", "A has more", "the difference changed")
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_ONE_LOOK = NormalDist().inv_cdf(1 - ALPHA / 2)


@dataclass(frozen=True)
class Case:
    """Traffic, and by how much B truly differs: points of a share, percent of a mean, or 0."""

    kind: str
    metric: Metric
    drawn: Drawn
    effect: float
    differs: bool = False


@dataclass(frozen=True)
class Row:
    """How many runs were decided; `once` and `strangers`: by the two tests that do not hold."""

    case: Case
    runs: int
    decided: int
    once: int
    strangers: int

    @property
    def missed(self) -> bool:
        """Tell whether the goal is missed: at most 5 % of equal versions, at least 80 % of others.

        With few runs chance alone may miss it by a little.
        """
        share = self.decided / self.runs
        return share < POWER if self.case.differs else share > ALPHA


class Size(NamedTuple):
    """How many requests each arm needs so that a difference is seen in 80 of 100."""

    metric: str
    effect: float
    requests: int
    alike: int


def cases() -> list[Case]:
    """Return what is drawn."""
    alone = Drawn(REQUESTS, 0.8)
    users = replace(alone, each=5.0, alike=0.3)
    rare = replace(users, share=0.02)
    means = replace(users, share=None)
    few = replace(users, requests=2_000)
    same = [
        Case("80 % rated well, each request a user", "rated", alone, 0.02),
        Case("80 % rated well, 5 requests a user", "rated", users, 0.02),
        Case("the same, 2,000 requests an arm", "rated", few, 0.02),
        Case("2 % truncated, 5 requests a user", "truncated", rare, 0.02),
        Case("tokens, 5 requests a user", "tokens", means, 0.1),
        Case("tokens, 30 requests a user", "tokens", replace(means, each=30.0), 0.1),
        Case("80 % rated well, a few users ask most", "rated", replace(users, uneven=2.0), 0.02),
    ]
    differ = [
        _sized(Case("80 to 82 % rated well, 5 requests a user", "rated", users, 0.02, True)),
        _sized(Case("2 to 4 % truncated, 5 requests a user", "truncated", rare, 0.02, True)),
        _sized(Case("tokens + 10 %, 5 requests a user", "tokens", means, 0.1, True)),
    ]
    return same + differ


def run_selftest(runs: int, seed: int = 7, of: Sequence[Case] = ()) -> Iterator[Row]:
    """Return each case's row as it is done, those of `cases` if none is named.

    Each has draws of its own.
    """
    import numpy as np

    for number, case in enumerate(of or cases()):
        draws = np.random.default_rng((seed, number))
        found = [_run(draws, case) for _ in range(runs)]
        sums = [sum(column) for column in zip(*found, strict=True)]
        yield Row(case, runs, *sums)


def sizes() -> list[Size]:
    """Return the requests that an arm needs, by metric and effect."""
    found = list[Size]()
    kinds: list[tuple[Metric, str, float | None, tuple[float, ...]]] = [
        ("rated", "rated, of 80 %", 0.8, (0.01, 0.02, 0.05)),
        ("truncated", "truncated, of 2 %", 0.02, (0.005, 0.01, 0.02)),
        ("tokens", "tokens", None, (0.02, 0.05, 0.1)),
    ]
    for metric, text, share, effects in kinds:
        for effect in effects:
            alone, users = Drawn(1, share), Drawn(1, share, each=5.0, alike=0.3)
            asked = [_needed(metric, of, effect) for of in (alone, users)]
            found.append(Size(text, effect, *asked))
    return found


def design_effect(of: Drawn) -> float:
    """Return how many times the variance of a mean is that of requests of strangers.

    1 + (Σm² / Σm - 1) alike; of geometric counts with mean m the first is 2 m - 1. Of lognormal
    values the correlation is that of the values, (e^(alike s²) - 1) / (e^(s²) - 1). After Kish
    (1965), "Survey Sampling", chapter 5.
    """
    alike = of.alike
    if of.share is None:
        alike = math.expm1(of.alike * SIGMA**2) / math.expm1(SIGMA**2)
    return 1 + (2 * of.each - 2) * alike


def _needed(metric: Metric, of: Drawn, effect: float) -> int:
    asked = _asked(metric, effect)
    variance = sum(_of_strangers(of, mean) for mean in (of.share or 0, (of.share or 0) + effect))
    return math.ceil(variance * design_effect(of) / variance_needed(asked.tau, ALPHA))


def _of_strangers(of: Drawn, mean: float) -> float:
    """Return a request's variance: of a share, or of a value over its mean (lognormal)."""
    return math.expm1(SIGMA**2) if of.share is None else mean * (1 - mean)


def _sized(case: Case) -> Case:
    needed = _needed(case.metric, case.drawn, case.effect)
    return replace(case, drawn=replace(case.drawn, requests=needed))


def _asked(metric: Metric, effect: float) -> Asked:
    return Asked(metric=metric, effect=effect, alpha=ALPHA, share=5, hours=24)


def _run(draws: np.random.Generator, case: Case) -> tuple[bool, bool, bool]:
    """Return whether a run is decided by the judge, and by each of the tests that do not hold."""
    of, asked = case.drawn, _asked(case.metric, case.effect)
    none = 0.0 if of.share is not None else 1.0
    truth = none + case.effect if case.differs else none
    arms = zip(draw_arm(draws, of, LOOKS, none), draw_arm(draws, of, LOOKS, truth), strict=True)
    looks, once, strangers = list[Look](), False, False
    for number, (a, b) in enumerate(arms, 1):
        found = Estimate.of(case.metric, a, b)
        if found is None or found.lacks:
            continue
        at = _BEGAN + timedelta(hours=number)
        looks.append(look(asked, found, looks[-1] if looks else None, at, number * 3600.0))
        once |= abs(found.difference) > _ONE_LOOK * math.sqrt(found.variance)
        alone = _of_strangers(of, found.a) / found.n_a + _of_strangers(of, found.b) / found.n_b
        strangers |= p_value(found.difference, alone, asked.tau) <= ALPHA
    return verdict(asked, looks) in WON, once, strangers
