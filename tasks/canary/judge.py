"""One metric's verdict: pass, fail or not enough data, with the figures and why in a sentence.

A metric fails if so bad a canary is rare among versions that are as good (exact test of shares, or
Mann and Whitney's of latency), and if it is worse by what the policy no longer tolerates. It passes
if the interval of the difference shows that it is worse by no more than the margin. Else there is
not enough data: the canary stays where it is. Too few requests are never a pass, nor is a figure
that could not be read. Needs nothing; writes nothing.

At each tick may be looked at how much there is; a *look* at the verdict is one that may fail or
pass, and each spends a part of what may be wrong. So looks are few: one when there is enough, the
next when there is half as much again.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from data_contracts.records import Frozen
from tasks.canary.arms import Arms, Counts
from tasks.canary.latency import slower
from tasks.canary.policy import Limits
from tasks.canary.shares import Events, chance_of_more, most_above

Word = Literal["pass", "fail", "not enough data"]
AGAIN = 1.5  # times the requests: the next look
OF_JUDGED = ("hallucinated", "refused")


class Verdict(Frozen):
    """What is known of one metric.

    `canary` and `reference` are shares, or median latencies in ms; `difference` is that of the
    shares, or the ratio of the latencies less one; `most` the upper end of its interval. `chance`
    is how rare so bad a canary is if it is as good; `above` the share of pairs in which it is the
    slower. `more` requests (or judged answers) are lacking, `minutes` long at the present rate.
    """

    metric: str
    verdict: Word
    reason: str
    n: int = 0
    reference_n: int = 0
    canary: float | None = None
    reference: float | None = None
    difference: float | None = None
    most: float | None = None
    chance: float | None = None
    above: float | None = None
    more: int | None = None
    minutes: float | None = None


class Tails(NamedTuple):
    """The chances that this look may be wrong with: of a fail, and of a pass."""

    fail: float
    passing: float


class Facts(NamedTuple):
    """What a metric is judged by: the arms' counts, the buckets' edges, minutes they are from."""

    arms: Arms
    edges: tuple[float, ...]
    minutes: float


def size_of(metric: str, counts: Counts) -> int:
    """Return of how many requests (or judged answers) an arm's figure is."""
    return sum(counts.latency) if metric == "latency" else getattr(counts, _n_of(metric))


def events_of(metric: str, counts: Counts) -> Events:
    """Return an arm's events of a metric that is a share."""
    return Events(getattr(counts, metric), getattr(counts, _n_of(metric)))


def reference_of(limits: Limits, arms: Arms) -> Counts:
    """Return what the canary is compared with."""
    return arms.champion if limits.against == "champion" else arms.baseline


def lacking(metric: str, limits: Limits, facts: Facts, due: int) -> Verdict | None:
    """Return the verdict while there are too few for a look; None if there are enough.

    `due` is how many of the canary's the next look needs.
    """
    n = size_of(metric, facts.arms.canary)
    m = size_of(metric, reference_of(limits, facts.arms))
    more, arm, have = max((due - n, "canary", n), (limits.least - m, limits.against, m))
    if more <= 0:
        return None
    asked = "judged answers" if metric in OF_JUDGED else "requests"
    wait = _wait(more, have, facts.minutes)
    return Verdict(
        metric=metric,
        verdict="not enough data",
        reason=f"{have:,} {asked} of the {arm}, {have + more:,} are needed: {more:,} more,"
        f" {in_words(wait)}",
        n=n,
        reference_n=m,
        more=more,
        minutes=wait,
    )


def judge(metric: str, limits: Limits, facts: Facts, tails: Tails) -> Verdict:
    """Return the verdict of a look; both arms hold the least number, as `lacking` tells."""
    found = (_latency if metric == "latency" else _share)(metric, limits, facts, tails)
    gap, most, chance = found.difference or 0.0, found.most or 0.0, found.chance
    figures = _figures(found)
    if chance is not None and chance <= tails.fail and gap >= limits.tolerated:
        reason = f"{figures}; of versions as good, {chance:.2g} look so bad"
        return found.model_copy(update={"verdict": "fail", "reason": reason})
    if most <= limits.margin:
        reason = f"{figures}; worse by {_amount(metric, most)} at most, may be by"
        reason += f" {_amount(metric, limits.margin)}"
        return found.model_copy(update={"verdict": "pass", "reason": reason})
    more = _more(found.n, gap, most, limits.margin)
    wait = _wait(more, found.n, facts.minutes)
    reason = f"{figures}; may be worse by {_amount(metric, most)}, over"
    reason += f" {_amount(metric, limits.margin)}: some {more:,} more, {in_words(wait)}"
    return found.model_copy(update={"reason": reason, "more": more, "minutes": wait})


def unread(metric: str, before: Verdict | None, why: str) -> Verdict:
    """Return the verdict of a tick in which a metric's figures could not be read."""
    known = before or Verdict(metric=metric, verdict="not enough data", reason=why)
    return known.model_copy(update={"verdict": "not enough data", "reason": why})


def in_words(minutes: float | None) -> str:
    """Return how long something takes at the present rate."""
    if minutes is None:
        return "and none come in"
    if minutes < 120:
        return f"in about {max(1, math.ceil(minutes))} min at this rate"
    hours = minutes / 60
    return (
        f"in about {hours:.0f} h at this rate"
        if hours < 72
        else (f"in about {hours / 24:.0f} days at this rate")
    )


def _share(metric: str, limits: Limits, facts: Facts, tails: Tails) -> Verdict:
    one = events_of(metric, facts.arms.canary)
    other = events_of(metric, reference_of(limits, facts.arms))
    return Verdict(
        metric=metric,
        verdict="not enough data",
        reason="",
        n=one.n,
        reference_n=other.n,
        canary=one.share,
        reference=other.share,
        difference=one.share - other.share,
        most=most_above(one, other, tails.passing),
        chance=chance_of_more(one, other),
    )


def _latency(metric: str, limits: Limits, facts: Facts, tails: Tails) -> Verdict:
    one = facts.arms.canary.histogram(facts.edges)
    other = reference_of(limits, facts.arms).histogram(facts.edges)
    shift = slower(one, other, tails.passing)
    return Verdict(
        metric=metric,
        verdict="not enough data",
        reason="",
        n=one.total,
        reference_n=other.total,
        canary=one.quantile(0.5),
        reference=other.quantile(0.5),
        difference=shift.ratio - 1,
        most=shift.high - 1,
        chance=shift.chance,
        above=shift.above,
    )


def _more(n: int, gap: float, most: float, margin: float) -> int:
    """Return how many more would decide if all stays as it is: half the width needs four times n.

    No fewer than the next look asks for; where the gap is beyond the margin, that look may fail it.
    """
    least = math.ceil(n * (AGAIN - 1))
    if gap >= margin:
        return least
    return max(least, math.ceil(n * (((most - gap) / (margin - gap)) ** 2 - 1)))


def _wait(more: int, have: int, minutes: float) -> float | None:
    return more * minutes / have if have and minutes > 0 else None


def _figures(found: Verdict) -> str:
    if found.metric == "latency":
        return (
            f"median {found.canary:,.0f} ms of {found.n:,} beside {found.reference:,.0f} ms of"
            f" {found.reference_n:,}, ratio {1 + (found.difference or 0):.2f}, slower in"
            f" {found.above:.0%} of pairs"
        )
    return (
        f"{found.canary:.2%} of {found.n:,} beside {found.reference:.2%} of {found.reference_n:,}"
    )


def _amount(metric: str, size: float) -> str:
    return f"{size:.0%}" if metric == "latency" else f"{size * 100:.2f} points"


def _n_of(metric: str) -> str:
    return "judged" if metric in OF_JUDGED else "requests"
