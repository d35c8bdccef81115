"""How a window was served, beside the champion's own first week: longer waits, failures, cost.

Each signal counts requests that are worse than usual: slower than half of them, or than all but a
twentieth, failed, cut, rated badly. Such a share moves with the hour of the day and with load, so
how much it moves from window to window is learned too: what is expected of a window is
beta-binomial, its spread from Pearson's statistic over the windows before (its upper 75% bound,
since few windows say little of it). Only worse counts. Nothing retrains a model that waits in a
queue, so these signals are told to people and start nothing. Pure functions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from tasks.drift.service.measured import Buckets, Measured, together
from tasks.drift.signals.signal import DIGITS, Signal
from tasks.inference_log.sketch import Sketch

FEWEST = 20  # requests that speak of something, in a window that others are compared with
WINDOWS = 6  # of those: fewer do not tell how much a share moves by itself
_SURE = 0.25  # the share of samples whose spread is smaller still
_SLOW = (0.5, 0.95)
NOT_YET = "it is judged once six windows over a day are there to compare with"


class Share(NamedTuple):
    """So many bad ones of those that are known."""

    bad: int
    known: int


class ServiceSignal(ABC):
    """One thing that can get worse; by less than `threshold` (in `unit`) it matters to nobody."""

    name: ClassVar[str]
    unit: ClassVar[str]
    compares: ClassVar[str]
    threshold: ClassVar[float]

    @abstractmethod
    def shares(self, window: Measured, usual: Measured) -> list[Share]:
        """Return a window's shares of bad requests; what is bad may depend on what is usual."""

    @abstractmethod
    def change(self, window: Measured, usual: Measured) -> tuple[float, str]:
        """Return how much worse it became, in `unit`, and what it is in words."""


class Longer(ServiceSignal):
    """More of a number that each request has; its median and its 95th percentile count."""

    threshold = 0.25
    unit = "more, as a share of what is usual"
    column: ClassVar[str]
    called: ClassVar[str]

    def shares(self, window: Measured, usual: Measured) -> list[Share]:
        """Count what is above the usual median and 95th percentile."""
        limits = [Sketch(self._of(usual)).quantile(place) for place in _SLOW]
        seen = Sketch(self._of(window))
        return [Share(seen.above(limit or 0.0), seen.n) for limit in limits]

    def change(self, window: Measured, usual: Measured) -> tuple[float, str]:
        """Return by which share the number grew that grew most."""
        grown: list[tuple[float, str]] = []
        for place in _SLOW:
            now, before = (Sketch(self._of(one)).quantile(place) or 0.0 for one in (window, usual))
            more = now / before - 1 if before else float(now > 0)
            grown.append((more, f"{place:.0%} of {self.called} {now:.3g}, usually {before:.3g}"))
        return max(grown)

    def _of(self, measured: Measured) -> Buckets:
        return getattr(measured, self.column)


class Waits(Longer):
    """The whole answer takes longer."""

    name = "waits"
    compares = "seconds to the whole answer"
    column = "seconds"
    called = "answers take up to"


class FirstToken(Longer):
    """The first token takes longer."""

    name = "first token"
    compares = "seconds to the first token"
    column = "first_token"
    called = "first tokens take up to"


class Cost(Longer):
    """A request costs more."""

    name = "cost"
    compares = "cost of a request"
    column = "cost"
    called = "requests cost up to"


class More(ServiceSignal):
    """More requests of a kind that nobody wants."""

    unit = "more, of all"
    bad: ClassVar[str]
    known: ClassVar[str]
    said: ClassVar[str]

    def shares(self, window: Measured, usual: Measured) -> list[Share]:
        """Count them; what is usual does not matter."""
        del usual
        return [Share(getattr(window, self.bad), getattr(window, self.known))]

    def change(self, window: Measured, usual: Measured) -> tuple[float, str]:
        """Return by how much the share grew."""
        (now,), (before,) = (self.shares(one, usual) for one in (window, usual))
        share, was = (one.bad / max(one.known, 1) for one in (now, before))
        return share - was, f"{share:.1%} {self.said}, usually {was:.1%}"


class Failures(More):
    """Requests without an answer."""

    name = "failures"
    compares = "requests that failed or were answered with nothing"
    threshold = 0.01
    bad, known = "failed", "rows"
    said = "of the requests failed"


class Cut(More):
    """Answers or prompts that were cut off."""

    name = "cut"
    compares = "prompts or answers that were cut off"
    threshold = 0.05
    bad, known = "cut", "told_cut"
    said = "of the requests were cut off"


class BadRatings(More):
    """Answers that users rate badly."""

    name = "bad ratings"
    compares = "feedback below half, of what users rated"
    threshold = 0.1
    bad, known = "badly", "rated"
    said = "of the rated answers were rated badly"


SIGNALS: tuple[ServiceSignal, ...] = (
    Waits(),
    FirstToken(),
    Cost(),
    Failures(),
    Cut(),
    BadRatings(),
)


def judge(
    window: Measured, usual: Mapping[str, Measured], false_alarms: float
) -> tuple[Signal, ...]:
    """Return what is known of a window, by what the champion's windows before were like.

    `false_alarms` is the share of usual windows in which some signal may say that it got worse. A
    signal that too few rows or windows speak of is not among them.
    """
    from scipy.stats import norm

    found: list[Signal] = []
    tests = sum(len(signal.shares(window, window)) for signal in SIGNALS)
    limit = float(norm.isf(false_alarms / tests))
    every = together(usual.values())
    for signal in SIGNALS:
        before = [signal.shares(one, every) for one in usual.values()]
        before = [one for one in before if one[0].known >= FEWEST]
        now = signal.shares(window, every)
        if len(before) < WINDOWS or now[0].known < FEWEST:
            continue
        columns = zip(now, zip(*before, strict=True), strict=True)
        p = min(p_value(one, earlier) for one, earlier in columns)
        statistic, explanation = signal.change(window, every)
        deviation = max(0.0, float(norm.isf(max(p, 1e-300))))  # better than usual is no news
        found.append(
            Signal(
                name=signal.name,
                unit=signal.unit,
                compares=signal.compares,
                statistic=round(statistic, DIGITS),
                threshold=signal.threshold,
                deviation=round(deviation, DIGITS),
                limit=round(limit, DIGITS),
                drifted=deviation > limit and statistic >= signal.threshold,
                explanation=explanation,
            )
        )
    return tuple(found)


def p_value(now: Share, before: Sequence[Share]) -> float:
    """Return how often a window like the B >= 2 before it has as large a share of bad ones."""
    import numpy as np
    from scipy.stats import betabinom, chi2

    bad, known = (np.array(column, dtype=float) for column in zip(*before, strict=True))
    rows, windows = known.sum(), len(known)
    mean = (bad.sum() + 0.5) / (rows + 1)
    spread = ((bad - known * mean) ** 2 / (known * mean * (1 - mean))).sum()
    # Of binomial windows that statistic is chi-squared; what it is more, windows differ.
    more = spread / chi2.ppf(_SURE, windows - 1) - 1
    each = (rows - (known**2).sum() / rows) / (windows - 1)
    apart = min(max(more, 0.0) / max(each - 1, 1.0), 0.9)
    # The next window's own share varies so much; the mean is known from so many windows and rows.
    variance = apart * (1 + 1 / windows) + 1 / (rows + 1)
    weight = max(1 / variance - 1, 1e-3)
    return float(betabinom.sf(now.bad - 1, now.known, mean * weight, (1 - mean) * weight))
