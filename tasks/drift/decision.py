"""Decide whether drift starts a retraining: two windows of three, once an episode, one at a time.

Pure functions over the history of verdicts and the last trigger; nothing is read or written here
(`triggers.py` keeps the records).

An *episode* is drift of one champion from its first drifted window on. Its fingerprint names the
champion and that window, so however often and from wherever drift is reported, it is one and the
same retraining. A crashed retraining is tried again under the same fingerprint and the next
attempt number. Windows that a retraining has answered are spent: once the cool-down is over, only
later ones count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from data_contracts.records import Frozen
from tasks.drift.comparison import Status

OF, NEEDED = 3, 2

Outcome = Literal["running", "completed", "crashed"]


class WindowResult(Frozen):
    """The verdict on one window, against one champion's training snapshot."""

    window: str
    champion: str = Field(description="digest of the champion it was compared with")
    status: Status


class Trigger(Frozen):
    """A retraining that drift started: which episode, which try, and how it went."""

    fingerprint: str
    attempt: int = Field(ge=1)
    champion: str
    window: str = Field(description="the newest window when it was claimed")
    claimed_at: AwareDatetime
    outcome: Outcome = "running"


class Policy(Frozen):
    """How eager drift is to retrain."""

    cooldown: timedelta = Field(
        default=timedelta(days=2), description="no new episode starts a retraining for so long"
    )
    lease: timedelta = Field(
        default=timedelta(hours=12), description="a retraining silent for so long counts as crashed"
    )
    attempts: int = Field(default=3, ge=1, description="tries of one episode, at most")


class Decision(Frozen):
    """Whether to start a retraining, and under which identity. `reason` is for people."""

    start: bool
    reason: str
    fingerprint: str = ""
    attempt: int = 0
    champion: str = ""
    window: str = ""

    @property
    def idempotency_key(self) -> str:
        """Return the key for the run: another attempt is another run, a repeat is the same."""
        return f"{self.fingerprint}-{self.attempt}"


def decide(
    history: Sequence[WindowResult],
    last_trigger: Trigger | None,
    now: datetime,
    policy: Policy,
) -> Decision:
    """Decide on the whole history of the champion's windows, in any order.

    Windows without enough data are left out: they say neither drift nor quiet.
    """
    results = sorted(history, key=lambda result: result.window)
    if not results:
        return Decision(start=False, reason="no window was compared yet")
    champion = results[-1].champion
    usable = [
        result
        for result in results
        if result.champion == champion and result.status != "not_enough_data"
    ]
    recent = usable[-OF:]
    if not _drifted(recent):
        return Decision(start=False, reason=_quiet_reason(recent, len(results)))
    if last_trigger is None:
        return _start(usable, "no retraining was started before")
    return _after_trigger(usable, last_trigger, now, policy)


def _after_trigger(
    usable: Sequence[WindowResult], last: Trigger, now: datetime, policy: Policy
) -> Decision:
    age = now - last.claimed_at
    crashed = last.outcome == "crashed" or (last.outcome == "running" and age > policy.lease)
    if last.outcome == "running" and not crashed:
        return Decision(start=False, reason=f"a retraining is under way ({last.fingerprint})")
    same_champion = last.champion == usable[-1].champion
    if crashed and same_champion and last.attempt < policy.attempts:
        return _start(usable, "the last attempt crashed", last.fingerprint, last.attempt + 1)
    if age < policy.cooldown:
        left = policy.cooldown - age
        return Decision(start=False, reason=f"cooling down for {_hours(left)} more")
    # Windows before the trigger had their retraining; another needs evidence of its own.
    fresh = [result for result in usable if not same_champion or result.window > last.window]
    if not _drifted(fresh[-OF:]):
        return Decision(start=False, reason="the drift seen so far has had its retraining")
    return _start(fresh, "the cool-down is over and drift goes on")


def _start(
    evidence: Sequence[WindowResult], why: str, fingerprint: str = "", attempt: int = 1
) -> Decision:
    newest = evidence[-1]
    count = sum(result.status == "drifted" for result in evidence[-OF:])
    return Decision(
        start=True,
        reason=f"{count} of the last {len(evidence[-OF:])} windows drifted; {why}",
        fingerprint=fingerprint or _fingerprint(newest.champion, _first_of_episode(evidence)),
        attempt=attempt,
        champion=newest.champion,
        window=newest.window,
    )


def _first_of_episode(evidence: Sequence[WindowResult]) -> str:
    """Return the drifted window with which the present run of drift began.

    It goes back window by window while the three that end there still hold drift enough, so the
    answer stays the same while later windows come in.
    """
    end = len(evidence)
    while end > 1 and _drifted(evidence[max(0, end - 1 - OF) : end - 1]):
        end -= 1
    span = evidence[max(0, end - OF) : end]
    return next(result.window for result in span if result.status == "drifted")


def _drifted(results: Sequence[WindowResult]) -> bool:
    return sum(result.status == "drifted" for result in results) >= NEEDED


def _fingerprint(champion: str, window: str) -> str:
    return hashlib.sha256(f"{champion}\n{window}".encode()).hexdigest()[:24]


def _quiet_reason(recent: Sequence[WindowResult], compared: int) -> str:
    if not recent:
        return f"none of the {compared} windows held enough data: nothing is known about drift"
    count = sum(result.status == "drifted" for result in recent)
    return f"{count} of the last {len(recent)} usable windows drifted; {NEEDED} of {OF} are needed"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
