"""What ends a canary at any tick: errors, slow answers, or too many errors by themselves.

Each is an e-value (`sequential.py`), so it may be looked at as often as one likes. Needs nothing;
writes nothing.
"""

from __future__ import annotations

import math

from data_contracts.records import Frozen
from tasks.canary.arms import Arms
from tasks.canary.policy import CanaryPolicy, Stops
from tasks.canary.sequential import ERRORS, SLOW, TOO_MANY, evidence, grown, grown_above
from tasks.canary.shares import Events

_SLOWER_THAN = 0.9  # of the champion's answers in this phase, those before the tick
_FEWEST = 100  # champion's answers from which on that is known


class Evidence(Frozen):
    """The logarithms of the e-values so far, one for each of the odds that are mixed."""

    errors: tuple[float, ...]
    slow: tuple[float, ...]
    too_many: tuple[float, ...]


EMPTY = Evidence(
    errors=(0.0,) * len(ERRORS), slow=(0.0,) * len(SLOW), too_many=(0.0,) * len(TOO_MANY)
)
_WORDS = {
    "errors": "errors: more than the champion's, sooner than chance would have it",
    "slow": "latency: far more slow answers than the champion's",
    "too_many": "errors: more than any version may have",
}


def watched(
    so_far: Evidence, stops: Stops, before: Arms, new: Arms, edges: tuple[float, ...]
) -> Evidence:
    """Return the evidence after a tick. `before` are the phase's counts without the tick's."""
    canary, champion = new.canary, new.champion
    errors = Events(canary.errors, canary.requests), Events(champion.errors, champion.requests)
    slow = _slow(before, new, edges)
    return Evidence(
        errors=tuple(grown(so_far.errors, *errors, ERRORS)),
        slow=tuple(grown(so_far.slow, *slow, SLOW, stops.slow_odds)) if slow else so_far.slow,
        too_many=tuple(grown_above(so_far.too_many, errors[0], stops.errors_most, TOO_MANY)),
    )


def stopped(found: Evidence, policy: CanaryPolicy) -> str:
    """Return why the canary must stop, in words; empty if nothing says so."""
    needed = -math.log(policy.stop_tail(len(_WORDS)))
    said = [
        f"{words} (evidence {evidence(getattr(found, name)) / math.log(10):.1f} digits, of"
        f" {needed / math.log(10):.1f})"
        for name, words in _WORDS.items()
        if evidence(getattr(found, name)) >= needed
    ]
    return "; ".join(said)


def _slow(before: Arms, new: Arms, edges: tuple[float, ...]) -> tuple[Events, Events] | None:
    """Return both arms' slow answers of a tick. What is slow was known before the tick began."""
    known = before.champion.histogram(edges)
    edge = known.edge_at(_SLOWER_THAN) if known.total >= _FEWEST else None
    if edge is None:
        return None
    one, other = new.canary.histogram(edges), new.champion.histogram(edges)
    return Events(one.above(edge), one.total), Events(other.above(edge), other.total)
