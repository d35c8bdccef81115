"""What is known of the three arms: counters as they are scraped, and the counts they add up to.

A gateway's counters only grow, and begin at 0 when it starts again. What was counted is their
difference from the newest whole scrape; after a start it is all they show. A scrape that lacks
a figure, or holds one that cannot be, is not counted at all: the next whole one covers its time, so
nothing is lost and nothing counted twice. Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Literal, NamedTuple, Self

from pydantic import AwareDatetime, Field

from data_contracts.records import Frozen
from tasks.canary.latency import Histogram

Name = Literal["baseline", "stable", "canary"]
ARMS: tuple[Name, ...] = ("baseline", "stable", "canary")
_GATEWAY = ("requests", "errors", "truncated")
_JUDGED = ("judged", "hallucinated", "refused")


class Weights(Frozen):
    """Percent of the traffic. In this order: sticky users move least if these two are the ends."""

    baseline: float = Field(ge=0, le=100)
    stable: float = Field(ge=0, le=100)
    canary: float = Field(ge=0, le=100)

    @classmethod
    def of(cls, share: float) -> Self:
        """Return a canary's share, a baseline of equal size where there is room, and the rest."""
        baseline = share if share <= 50 else 0.0
        return cls(baseline=baseline, stable=100 - share - baseline, canary=share)


class Scraped(Frozen):
    """One arm's figures as they stand; None or nan: could not be read.

    `latency` holds the cumulative bucket counts (Prometheus `le`), the last one for +Inf. A counter
    that the gateway leaves out until its first event is 0 if the rest of the page is there. The
    judged figures are totals over the whole canary, from where the judge keeps its answers.
    """

    requests: float | None = None
    errors: float | None = None
    truncated: float | None = None
    latency: tuple[float, ...] | None = None
    judged: float | None = None
    hallucinated: float | None = None
    refused: float | None = None


class Reading(Frozen):
    """All that is known at one moment.

    `edges` are the buckets' upper edges in ms, without +Inf. `gateway` names the process that
    counts (its start, say): another name means that its counters began at 0. `healthy` tells
    whether the canary's process answers; None if that could not be told. `stop` is why the canary
    must end now, in words for people; empty if nothing speaks for it. `hold` is why it must not
    go on for now (an error budget that burns): it stays where it is. `shadow` is what came of
    recorded requests that both versions were asked again, in all of this canary, by no user.
    """

    at: AwareDatetime
    healthy: bool | None
    edges: tuple[float, ...]
    baseline: Scraped = Scraped()
    stable: Scraped = Scraped()
    canary: Scraped = Scraped()
    gateway: str = ""
    stop: str = ""
    hold: str = ""
    shadow: Arms | None = None


class Counts(Frozen):
    """One arm's whole counts; `latency` is a count a bucket (not cumulative)."""

    requests: int = 0
    errors: int = 0
    truncated: int = 0
    latency: tuple[int, ...] = ()
    judged: int = 0
    hallucinated: int = 0
    refused: int = 0

    def histogram(self, edges: tuple[float, ...]) -> Histogram:
        """Return the latency in buckets of these edges."""
        return Histogram(edges=edges, counts=self.latency or (0,) * (len(edges) + 1))

    def plus(self, other: Counts) -> Counts:
        """Return both together."""
        names = _GATEWAY + _JUDGED
        sums: dict[str, Any] = {of: getattr(self, of) + getattr(other, of) for of in names}
        return Counts(**sums, latency=_joined(self.latency, other.latency, 1))

    def minus(self, other: Counts) -> Counts:
        """Return what is counted here and not there."""
        names = _GATEWAY + _JUDGED
        rest: dict[str, Any] = {of: getattr(self, of) - getattr(other, of) for of in names}
        return Counts(**rest, latency=_joined(self.latency, other.latency, -1))


class Arms(Frozen):
    """The counts of the three arms."""

    baseline: Counts = Counts()
    stable: Counts = Counts()
    canary: Counts = Counts()

    @property
    def champion(self) -> Counts:
        """Return what the champion answered, in both its arms."""
        return self.baseline.plus(self.stable)

    def plus(self, other: Arms) -> Arms:
        """Return both together."""
        return _arms({name: getattr(self, name).plus(getattr(other, name)) for name in ARMS})

    @property
    def untimed(self) -> Arms:
        """Return these without their waits: what answers say, and nothing of how long they took."""
        return _arms(
            {name: getattr(self, name).model_copy(update={"latency": ()}) for name in ARMS}
        )

    def minus(self, other: Arms) -> Arms:
        """Return what is counted here and not there."""
        return _arms({name: getattr(self, name).minus(getattr(other, name)) for name in ARMS})


class Seen(Frozen):
    """The newest whole figures, from which the next differences are taken; `at`: the newest."""

    at: AwareDatetime | None = None
    edges: tuple[float, ...] = ()
    gateway: str = ""
    counted: Arms | None = None
    judged: Arms = Arms()


class Taken(NamedTuple):
    """What a reading adds, and what is remembered of it.

    `lacks` and `lacks_judged` say why the gateway's figures, or the judged answers, were not
    counted; empty if they were.
    """

    new: Arms
    seen: Seen
    lacks: str
    lacks_judged: str


def take(seen: Seen, reading: Reading) -> Taken:
    """Return what a reading adds to what was seen.

    The first scrape of the gateway adds nothing: it counted before the canary began.
    """
    if seen.at is not None and reading.at <= seen.at:
        old = "the figures are no newer than those of the tick before"
        return Taken(Arms(), seen, old, old)
    gateway, lacks = _counted(reading)
    if seen.counted is not None and reading.edges != seen.edges:
        gateway, lacks = None, "the latency buckets are others than when the canary began"
    judged, lacks_judged = _judged(reading, seen)
    new, changed = Arms(), dict[str, Any](at=reading.at)
    if gateway is not None:
        new = _since(seen, gateway, reading.gateway)
        changed |= {"edges": reading.edges, "gateway": reading.gateway, "counted": gateway}
    if judged is not None:
        new = new.plus(judged.minus(seen.judged))
        changed["judged"] = judged
    return Taken(new, seen.model_copy(update=changed), lacks, lacks_judged)


def _counted(reading: Reading) -> tuple[Arms | None, str]:
    """Return the gateway's counts of all arms, or what is wrong with one of them."""
    buckets = len(reading.edges) + 1
    found: dict[str, Counts] = {}
    for name in ARMS:
        arm: Scraped = getattr(reading, name)
        whole = _wholes(arm, _GATEWAY)
        latency = _apart(arm.latency, buckets)
        if whole is None or latency is None or whole["requests"] < max(whole.values()):
            return None, f"the gateway's figures of the {name} arm are missing or cannot be"
        found[name] = Counts(**whole, latency=latency)
    return _arms(found), ""


def _judged(reading: Reading, seen: Seen) -> tuple[Arms | None, str]:
    """Return the judged answers of all arms, or what is wrong with one of them."""
    if all(getattr(reading, name).judged is None for name in ARMS):
        return None, "no judged answers could be read"
    found: dict[str, Counts] = {}
    for name in ARMS:
        arm: Scraped = getattr(reading, name)
        # An arm of which nothing was ever judged need not be named.
        none: dict[str, Any] = dict.fromkeys(_JUDGED, 0)
        whole = none if arm.judged is None else _wholes(arm, _JUDGED)
        if whole is None or whole["judged"] < max(whole.values()):
            return None, f"the judged answers of the {name} arm are missing or cannot be"
        found[name] = Counts(**whole)
    arms = _arms(found)
    if _fell(seen.judged, arms):  # totals of a store: nothing starts them again
        return None, "there are fewer judged answers than before"
    return arms, ""


def _wholes(arm: Scraped, names: tuple[str, ...]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(arm, name)
        if value is None or not math.isfinite(value) or value < 0:
            return None
        found[name] = int(value)
    return found


def _apart(cumulative: tuple[float, ...] | None, buckets: int) -> tuple[int, ...] | None:
    """Return a count a bucket from cumulative ones; None if they cannot be such."""
    if cumulative is None or len(cumulative) != buckets:
        return None
    if not all(map(math.isfinite, cumulative)) or cumulative[0] < 0:
        return None
    whole = list(map(int, cumulative))
    apart = (whole[0], *map(operator.sub, whole[1:], whole))
    return apart if min(apart) >= 0 else None


def _fell(before: Arms, now: Arms) -> bool:
    """Tell whether a count is smaller than it was; one of a bucket alone shows it, too."""
    for name in ARMS:
        old, new = getattr(before, name), getattr(now, name)
        if any(getattr(new, of) < getattr(old, of) for of in _GATEWAY + _JUDGED):
            return True
        if any(map(operator.lt, new.latency, old.latency)):
            return True
    return False


def _since(seen: Seen, now: Arms, gateway: str) -> Arms:
    """Return what the gateway counted since the newest whole scrape; all of it after a start."""
    if seen.counted is None:
        return Arms()
    if gateway != seen.gateway or _fell(seen.counted, now):
        return now
    return now.minus(seen.counted)


def _joined(one: tuple[int, ...], other: tuple[int, ...], sign: int) -> tuple[int, ...]:
    if not (one and other):
        return one or tuple(sign * count for count in other)
    return tuple(map(operator.add if sign > 0 else operator.sub, one, other))


def _arms(found: dict[str, Counts]) -> Arms:
    return Arms(**found)  # a Counts is frozen: it is taken as it is
