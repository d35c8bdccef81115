"""The canary's own test: how often its verdict is wrong about versions whose truth is known.

Traffic is drawn (`traffic.py`) and goes through `phases.step` itself, tick by tick, as a canary's
does. An *hour* is the first phase's least time. Goals, each a share of the hours: a version that is
as good is rolled back in at most 2 %, in that hour and in a whole rollout; 20 % more latency is
rolled back within the hour in at least 95 %, errors of 1 % for 0.1 %, hallucinations of 8 % for
4 % and cut answers of 6 % for 2 % in at least 80 %; where hardly anybody asks, no hour goes on to
the next phase and each says that it has not enough data. Needs nothing; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Literal, NamedTuple

from tasks.canary.phases import WARM, State, Version, begin, step
from tasks.canary.policy import CanaryPolicy
from tasks.canary.shares import Events, chance_of_more
from tasks.canary.traffic import CHAMPION, Gateway, Quality, Traffic

QUIET_RATE = 3 / 60
CAUGHT = 0.80
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_MOST_TICKS = 2_000  # of a whole rollout; one that is longer counts as still under way
_STEPS = 20  # of the judged share: twentieths

LATENCY = replace(CHAMPION, latency=1.2)
ERRORS = replace(CHAMPION, errors=0.01)
HALLUCINATED = replace(CHAMPION, hallucinated=0.08)
TRUNCATED = replace(CHAMPION, truncated=0.06)
_BROKEN = {
    "errors of 100 %": replace(CHAMPION, errors=1.0),
    "errors of 10 %": replace(CHAMPION, errors=0.1),
    "latency x 3": replace(CHAMPION, latency=3.0),
}
_ALL = (CHAMPION, LATENCY, ERRORS, HALLUCINATED, TRUNCATED)

Outcome = Literal["rolled back", "went on", "not enough data"]


class Goal(NamedTuple):
    """How many of the hours may, or must, have an outcome."""

    outcome: Outcome
    limit: float
    at_least: bool


@dataclass(frozen=True)
class Row:
    """What became of one kind of hours; `minutes` is the median of how long the rest would take."""

    kind: str
    hours: int
    counted: dict[Outcome, int]
    goal: Goal
    minutes: float | None = None

    @property
    def hits(self) -> int:
        """Return in how many hours the goal's outcome came."""
        return self.counted[self.goal.outcome]

    @property
    def missed(self) -> bool:
        """Tell whether the goal is missed."""
        share = self.hits / self.hours
        return share < self.goal.limit if self.goal.at_least else share > self.goal.limit


def run_selftest(
    policy: CanaryPolicy, traffic: Traffic, hours: int, seed: int = 7
) -> Iterator[Row]:
    """Return each kind of hour's row as it is done."""
    often = Goal("rolled back", policy.wrong_rollback, at_least=False)
    caught = Goal("rolled back", CAUGHT, at_least=True)
    coarse = replace(traffic, every=5 * traffic.every)
    quiet = replace(coarse, rate=QUIET_RATE)
    run = _Runner(policy, hours, seed)
    yield run.row("as good, the first phase", [CHAMPION], traffic, often)
    yield run.row("as good, a whole rollout", [CHAMPION], coarse, often, whole=True)
    slow = caught._replace(limit=0.95)
    yield run.row("latency + 20 %", [LATENCY], coarse, slow)
    yield run.row("errors 0.1 -> 1 %", [ERRORS], coarse, caught)
    yield run.row("hallucinated 4 -> 8 %", [HALLUCINATED], coarse, caught)
    yield run.row("truncated 2 -> 6 %", [TRUNCATED], coarse, caught)
    told = Goal("not enough data", 0.98, at_least=True)
    yield run.row("3 requests a minute, each of these in turn", _ALL, quiet, told)


class Stopped(NamedTuple):
    """How many minutes a broken version took traffic before it was rolled back, over some hours."""

    kind: str
    median: float
    most: float


def stop_times(policy: CanaryPolicy, traffic: Traffic, hours: int = 50) -> list[Stopped]:
    """Return how soon broken versions go; one that never does counts as long as it was watched."""
    run, found = _Runner(policy, hours, seed=0), list[Stopped]()
    for kind, quality in _BROKEN.items():
        minutes = [
            (state.tick - state.began).total_seconds() / 60 - traffic.every  # warm for one tick
            for state in run.states([quality], traffic)
        ]
        found.append(Stopped(kind, median(minutes), max(minutes)))
    return found


class _Runner:
    """Draws hours of a kind and counts what became of them; each kind has draws of its own."""

    def __init__(self, policy: CanaryPolicy, hours: int, seed: int) -> None:
        self._policy, self._hours, self._seed, self._kinds = policy, hours, seed, 0

    def row(
        self,
        kind: str,
        qualities: Iterable[Quality],
        traffic: Traffic,
        goal: Goal,
        *,
        whole: bool = False,
    ) -> Row:
        counted: dict[Outcome, int] = {"rolled back": 0, "went on": 0, "not enough data": 0}
        waits: list[float] = []
        for state in self.states(qualities, traffic, whole=whole):
            counted[_outcome(state)] += 1
            waits += _waits(state)
        return Row(kind, self._hours, counted, goal, median(waits) if waits else None)

    def states(
        self, qualities: Iterable[Quality], traffic: Traffic, *, whole: bool = False
    ) -> Iterator[State]:
        """Return each hour's last state, the versions taking turns."""
        import numpy as np

        self._kinds += 1
        versions, draws = list(qualities), np.random.default_rng((self._seed, self._kinds))
        for hour in range(self._hours):
            gateway = Gateway(draws, traffic, versions[hour % len(versions)], _BEGAN)
            yield _until(_is_whole if whole else self._hour_is_over, self._policy, gateway)

    def _hour_is_over(self, state: State) -> bool:
        minutes = (state.tick - state.since).total_seconds() / 60
        first = self._policy.phases[0].minutes / self._policy.fast
        return state.phase > 0 or (state.phase == 0 and minutes >= first)


def _is_whole(_: State) -> bool:
    return False


def _until(over: Callable[[State], bool], policy: CanaryPolicy, gateway: Gateway) -> State:
    candidate, champion = Version(version=2, digest="b"), Version(version=1, digest="a")
    state = begin("selftest", candidate, champion, _BEGAN)
    for _ in range(_MOST_TICKS):
        reading = gateway.tick(state.weights)
        state = step(state, policy, reading, reading.at)
        if state.ended or over(state):
            break
    return state


def _outcome(state: State) -> Outcome:
    if state.ended == "rolled back":
        return "rolled back"
    return "went on" if state.ended or state.phase > WARM + 1 else "not enough data"


def _waits(state: State) -> list[float]:
    """Return how long the slowest metric says that it needs, if one has not enough."""
    lacking = [v.minutes for v in state.verdicts if v.verdict == "not enough data"]
    known = [minutes for minutes in lacking if minutes is not None]
    return [max(known)] if known else []


def judged_share_needed(policy: CanaryPolicy, traffic: Traffic) -> float | None:
    """Return the least share of the answers to judge, so that 4 -> 8 % hallucinated is caught.

    In at least 80 % of the first looks, by summing over all outcomes; in twentieths, of the
    canary's and the baseline's answers. None: not even if all are judged, or it is not looked at.
    """
    if policy.hallucinated is None:
        return None
    phase = policy.phases[0]
    minutes = phase.minutes / policy.fast
    arm = traffic.rate * 60 * minutes * phase.share / 100
    for twentieth in range(1, _STEPS + 1):
        n = int(arm * twentieth / _STEPS)
        if n >= policy.hallucinated.least and _power(policy, n) >= CAUGHT:
            return twentieth / _STEPS
    return None


def _power(policy: CanaryPolicy, n: int) -> float:
    import numpy as np
    from scipy.stats import binom

    tail = policy.fail_tail("hallucinated", 0, 0)
    many = np.arange(n + 1)
    champion = binom.pmf(many, n, CHAMPION.hallucinated)
    worse = binom.sf(many - 1, n, HALLUCINATED.hallucinated)
    total, needed = 0.0, 0
    for hits in np.flatnonzero(champion > 1e-9).tolist():
        # The more the champion has, the more the canary needs: so the count only goes up.
        while needed <= n and chance_of_more(Events(needed, n), Events(hits, n)) > tail:
            needed += 1
        total += float(champion[hits]) * (float(worse[needed]) if needed <= n else 0.0)
    return total
