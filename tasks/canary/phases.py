"""What a canary does at a tick: count, judge, stay, go on to the next phase, or end.

    warm (0 %) -> 5 % -> 25 % -> 50 % -> 100 % -> promoted
                 at any tick -> rolled back (0 %)

`step` is a pure function: the state of the tick before, the policy, a reading and the time in, the
state now out. The state is one small JSON object, so a worker that is killed loses nothing: the
next tick reads what the last one wrote. A tick that was written is not counted again. The caller
sets the weights that the state names, at every tick, and moves the alias once `ended` says
promoted. An ended canary stays as it is. Needs nothing; writes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from tasks.canary.arms import Arms, Reading, Seen, Taken, Weights, take
from tasks.canary.judge import Facts, Verdict
from tasks.canary.policy import STEP, CanaryPolicy
from tasks.canary.stops import Evidence, stopped, watched
from tasks.canary.verdicts import Look, looked_at

SILENT = timedelta(minutes=5)  # without a tick, or without a whole scrape
WARM = -1
Ended = Literal["promoted", "rolled back", "aborted", "over"]


class Version(Frozen):
    """A version of a model and the digest of its bytes."""

    version: int = Field(ge=1)
    digest: str = Field(min_length=1)


class Done(Frozen):
    """A phase that is over, or in which the canary ended: the arms and verdicts at its end."""

    share: float
    since: AwareDatetime
    until: AwareDatetime
    counts: Arms
    verdicts: tuple[Verdict, ...]


class State(Frozen):
    """All that is known of a canary. `phase` is -1 while it warms up, then the policy's index.

    One that does not promote is an experiment: its one phase is watched by the stops alone, and is
    `over` when its minutes are.
    """

    name: str
    candidate: Version
    champion: Version
    began: AwareDatetime
    promotes: bool = True
    phase: int = WARM
    since: AwareDatetime = Field(description="when the phase began")
    tick: AwareDatetime = Field(description="the newest tick")
    whole: AwareDatetime = Field(description="the newest tick whose gateway figures were whole")
    weights: Weights
    seen: Seen = Seen()
    counts: Arms = Field(default=Arms(), description="what was counted in this phase")
    shadow: Arms = Field(default=Arms(), description="what came of recorded requests, apart")
    evidence: Evidence = Evidence()
    looks: dict[str, Look] = Field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    done: tuple[Done, ...] = ()
    ended: Ended | None = None
    why: str = ""


def begin(
    name: str, candidate: Version, champion: Version, now: datetime, *, promotes: bool = True
) -> State:
    """Return the state of a canary that begins: no traffic, until its process is well."""
    if candidate.digest == champion.digest:
        raise InputError(
            f"version {candidate.version} is the champion's bytes already",
            step=STEP,
            where=name,
            remedy="give another version: a canary of the champion beside itself shows nothing",
        )
    weights = Weights(baseline=0, stable=100, canary=0)
    return State(
        name=name,
        candidate=candidate,
        champion=champion,
        began=now,
        promotes=promotes,
        since=now,
        tick=now,
        whole=now,
        weights=weights,
    )


def step(state: State, policy: CanaryPolicy, reading: Reading, now: datetime) -> State:
    """Return the state after a tick. The same tick twice is one; an ended canary stays as it is."""
    if state.ended or now == state.tick:
        return state
    if overdue(state, now):
        return rolled_back_if_overdue(state, now)
    taken = take(state.seen, reading)
    state = _with(
        state,
        tick=now,
        seen=taken.seen,
        counts=state.counts.plus(taken.new),
        whole=state.whole if taken.lacks else now,
        shadow=reading.shadow.untimed if policy.shadow and reading.shadow else state.shadow,
    )
    if wrong := _wrong(state, policy, reading, now):
        return _ended(state, now, "rolled back", wrong)
    if state.phase == WARM:
        ready = reading.healthy and not taken.lacks and not reading.hold
        return _next(state, policy, now) if ready else state
    return _judged(state, policy, taken, reading, now)


def overdue(state: State, now: datetime) -> bool:
    """Tell whether nobody ticks any more, or the clock was moved: traffic must be taken away."""
    return not state.ended and abs(now - state.tick) > SILENT


def rolled_back_if_overdue(state: State, now: datetime) -> State:
    """Return the state with no traffic if it is overdue, as it is if not: what a reconcile does."""
    if not overdue(state, now):
        return state
    minutes = abs(now - state.tick).total_seconds() / 60
    why = f"no tick for {minutes:.0f} minutes: nobody watched"
    return _ended(state, now, "rolled back", why)


def abort(state: State, now: datetime, why: str) -> State:
    """Return the state of a canary that a person ends; an ended one as it is."""
    return ended_by(state, now, "aborted", why)


def ended_by(state: State, now: datetime, how: Ended, why: str) -> State:
    """Return the state of a canary that something outside it ends; an ended one as it is."""
    return state if state.ended else _ended(state, now, how, why)


def _wrong(state: State, policy: CanaryPolicy, reading: Reading, now: datetime) -> str:
    """Return why the canary must end whatever its figures are; empty if nothing speaks for it."""
    if reading.stop:
        return reading.stop
    if state.phase == WARM:  # it takes no traffic yet
        late = now - state.since > timedelta(minutes=policy.warm_minutes)
        return f"it was not ready after {policy.warm_minutes:g} minutes" if late else ""
    if state.phase >= len(policy.phases):
        return "its policy has fewer phases than when it began"
    if reading.healthy is False:
        return "the canary's process does not answer"
    if now - state.whole > SILENT:
        return f"the gateway's figures could not be read since {state.whole:%H:%M:%S} UTC"
    return ""


def _judged(
    state: State, policy: CanaryPolicy, taken: Taken, reading: Reading, now: datetime
) -> State:
    """Return the state with what the stops and the verdicts say to a tick's counts."""
    before = state.counts.minus(taken.new)
    evidence = watched(state.evidence, policy.stops, before, taken.new, state.seen.edges)
    state = _with(state, evidence=evidence)
    if why := stopped(evidence, policy):
        return _ended(state, now, "rolled back", why)
    last = state.phase == len(policy.phases) - 1
    minutes = (now - state.since).total_seconds() / 60
    due = minutes * policy.fast >= policy.phases[state.phase].minutes
    if not state.promotes:
        return _ended(state, now, "over", "its time is over") if due else state
    if not last:
        # Of recorded requests no user waited for an answer: neither latency nor a stop has them.
        facts = Facts(state.counts.plus(state.shadow), state.seen.edges, minutes)
        looked = looked_at(policy, state.phase, state.looks, facts, taken)
        state = _with(state, verdicts=looked.verdicts, looks=looked.looks)
        failed = [verdict for verdict in state.verdicts if verdict.verdict == "fail"]
        if failed:
            why = "; ".join(f"{verdict.metric}: {verdict.reason}" for verdict in failed)
            return _ended(state, now, "rolled back", why)
    passed = all(verdict.verdict == "pass" for verdict in state.verdicts)
    if last:  # nothing is left to compare with: the stops alone watch
        passed = state.counts.canary.requests >= policy.most_needed
    # A tick that could not see all, or in which no request reached the canary, never promotes.
    sees = bool(taken.new.canary.requests) and reading.healthy is True and not taken.lacks
    return _next(state, policy, now) if due and passed and sees and not reading.hold else state


def _next(state: State, policy: CanaryPolicy, now: datetime) -> State:
    phase = state.phase + 1
    state = _closed(state, now) if state.phase != WARM else state
    if phase == len(policy.phases):
        return _with(state, ended="promoted", why="every phase was passed")
    return _with(
        state,
        phase=phase,
        since=now,
        weights=Weights.of(policy.phases[phase].share),
        counts=Arms(),
        looks={},
        verdicts=(),
    )


def _ended(state: State, now: datetime, how: Ended, why: str) -> State:
    weights = Weights(baseline=0, stable=100, canary=0)
    state = _closed(state, now)
    return _with(state, tick=now, ended=how, why=why, weights=weights)


def _closed(state: State, now: datetime) -> State:
    done = Done(
        share=state.weights.canary,
        since=state.since,
        until=now,
        counts=state.counts,
        verdicts=state.verdicts,
    )
    return _with(state, done=(*state.done, done))


def _with(state: State, **changed: Any) -> State:
    return state.model_copy(update=changed)
