"""Decide whether drift starts a retraining: two windows of three, once an episode, one at a time.

Pure functions over the history of verdicts and the last trigger; nothing is read or written here
(`triggers.py` keeps the records).

An *episode* is drift of one champion from its first drifted window on. Its fingerprint names the
champion and that window, so however often and from wherever drift is reported, it is one and the
same retraining. Every start of an episode has an `attempt` number of its own, which names the run.
What counts against an episode are its `failures`: the starts that crashed. One that was cancelled
before it began, or that found nothing new to train on, is no answer and no failure: the episode
goes on as if it had not been. Windows that a retraining has answered are spent: once the cool-down
is over, only later ones count, under whichever champion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from data_contracts.records import Frozen
from tasks.drift.comparison import Status
from tasks.drift.service.measured import Measured

OF, NEEDED = 3, 2

Ended = Literal["completed", "crashed", "cancelled", "nothing_new"]
Outcome = Literal["running", "completed", "crashed", "cancelled", "nothing_new"]


_NO_ANSWER = {
    "cancelled": "was cancelled before it began",
    "nothing_new": "found nothing new to train on",
}


class WindowResult(Frozen):
    """The verdict on one window, against one champion's training snapshot."""

    window: str
    champion: str = Field(description="digest of the champion it was compared with")
    status: Status
    reason: str = Field(
        default="", description="in words; records from before it was kept have none"
    )
    measured: Measured | None = Field(
        default=None, description="how it was served; None where that could not be told"
    )


class Trigger(Frozen):
    """A retraining that drift started: which episode, which start of it, and how it went.

    `completed` means a new model; a run that ended well without one is `nothing_new`. `cancelled`
    means before it began; one that was stopped later counts as crashed.
    """

    fingerprint: str
    attempt: int = Field(ge=1, description="which start of the episode this is, from 1 on")
    champion: str
    window: str = Field(description="the newest window when it was claimed")
    claimed_at: AwareDatetime
    candidate: int | None = Field(
        default=None, description="the newest candidate's version when the episode first started"
    )
    outcome: Outcome = "running"
    failures: int = Field(default=0, ge=0, description="earlier starts of the episode that crashed")


class Policy(Frozen):
    """How eager drift is to retrain."""

    cooldown: timedelta = Field(
        default=timedelta(days=2), description="no new episode starts a retraining for so long"
    )
    lease: timedelta = Field(
        default=timedelta(hours=12), description="a retraining silent for so long counts as crashed"
    )
    attempts: int = Field(default=3, ge=1, description="crashes of one episode, at most")


class Decision(Frozen):
    """Whether to start a retraining, and under which identity. `reason` is for people.

    `alert`: there is drift, and nothing will answer it unless somebody looks.
    """

    start: bool
    reason: str
    alert: bool = False
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

    Windows without a verdict are left out: they say neither drift nor quiet.
    """
    results = sorted(history, key=lambda result: result.window)
    if not results:
        return Decision(start=False, reason="no window was compared yet")
    champion = results[-1].champion
    usable = [
        result
        for result in results
        if result.champion == champion and result.status in ("quiet", "drifted")
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
    silent = last.outcome == "running" and age > policy.lease
    if last.outcome == "running" and not silent:
        return Decision(start=False, reason=f"a retraining is under way ({last.fingerprint})")
    ours = last.champion == usable[-1].champion
    if last.outcome in _NO_ANSWER:
        if not ours:
            return _on_later_windows(usable, last)
        why = f"the last start {_NO_ANSWER[last.outcome]}"
        return _start(usable, why, last.fingerprint, last.attempt + 1)
    crashed = silent or last.outcome == "crashed"
    failures = last.failures + crashed
    if crashed and ours and failures < policy.attempts:
        return _start(usable, "the last attempt crashed", last.fingerprint, last.attempt + 1)
    if age < policy.cooldown:
        left = f"cooling down for {_hours(policy.cooldown - age)} more"
        if not crashed:
            return Decision(start=False, reason=left)
        reason = f"{failures} attempts crashed, and no retraining answers the drift; {left}"
        return Decision(start=False, reason=reason, alert=True)
    return _on_later_windows(usable, last)


def _on_later_windows(usable: Sequence[WindowResult], last: Trigger) -> Decision:
    """Decide by the windows after a trigger's: the ones before had theirs, or an older champion."""
    fresh = [result for result in usable if result.window > last.window]
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
