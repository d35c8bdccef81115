"""The verdicts of all metrics at a tick, and the looks that each has had in a phase.

Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field

from data_contracts.records import Frozen
from tasks.canary.arms import Taken
from tasks.canary.judge import (
    AGAIN,
    OF_JUDGED,
    Facts,
    Tails,
    Verdict,
    in_words,
    judge,
    lacking,
    size_of,
    unread,
)
from tasks.canary.policy import CanaryPolicy


class Look(Frozen):
    """How many looks a metric had in this phase, what the last one said, when the next is due.

    `due` is how many requests (or judged answers) of the canary's it needs.
    """

    taken: int = Field(default=0, ge=0)
    due: int
    last: Verdict | None = None


class Looked(NamedTuple):
    """The verdicts after a tick, and the looks so far."""

    verdicts: tuple[Verdict, ...]
    looks: dict[str, Look]


def looked_at(
    policy: CanaryPolicy, phase: int, looks: Mapping[str, Look], facts: Facts, taken: Taken
) -> Looked:
    """Return every metric's verdict at a tick of a phase, taking the looks that are due."""
    left = policy.phases[phase].minutes / policy.fast - facts.minutes
    kept, verdicts = dict(looks), list[Verdict]()
    for metric, limits in policy.judged.items():
        look = kept.get(metric) or Look(due=limits.least)
        lack = lacking(metric, limits, facts, look.due)
        if why := taken.lacks_judged if metric in OF_JUDGED else taken.lacks:
            verdict = unread(metric, look.last or lack, why)
        elif lack is not None:
            passed = look.last is not None and look.last.verdict == "pass"
            verdict = look.last if look.last is not None and passed else lack
        elif left > 0:
            verdict = _too_early(metric, facts, left)
        else:
            tails = Tails(policy.fail_tail(metric, phase, look.taken), policy.pass_tail(look.taken))
            verdict = judge(metric, limits, facts, tails)
            due = math.ceil(size_of(metric, facts.arms.canary) * AGAIN)
            kept[metric] = Look(taken=look.taken + 1, due=due, last=verdict)
        verdicts.append(verdict)
    return Looked(tuple(verdicts), kept)


def _too_early(metric: str, facts: Facts, left: float) -> Verdict:
    return Verdict(
        metric=metric,
        verdict="not enough data",
        reason=f"there are enough; the phase is judged {in_words(left)}",
        n=size_of(metric, facts.arms.canary),
        minutes=left,
    )
