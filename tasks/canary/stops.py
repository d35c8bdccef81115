"""What ends a canary at any tick: errors, slow answers, or too many errors by themselves.

Each is an e-value (`sequential.py`), so it may be looked at as often as one likes. Needs nothing;
writes nothing.
"""

from __future__ import annotations

import math

from data_contracts.records import Frozen
from tasks.canary.arms import Arms
from tasks.canary.policy import CanaryPolicy, Stops
from tasks.canary.sequential import ERRORS, SLOW, TOO_MANY, Watch, above, more_than
from tasks.canary.shares import Events

_SLOWER_THAN = 0.9  # of the champion's answers in this phase, those before the tick
_FEWEST = 100  # champion's answers from which on that is known


class Evidence(Frozen):
    """The evidence of each stop so far."""

    errors: Watch = Watch()
    slow: Watch = Watch()
    too_many: Watch = Watch()


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
    errors = Events(canary.errors, canary.requests)
    champions = Events(champion.errors, champion.requests)
    slow = _slow(before, new, edges)
    return Evidence(
        errors=so_far.errors.after(more_than(errors, champions, ERRORS)),
        slow=so_far.slow.after(more_than(*slow, SLOW, stops.slow_odds) if slow else None),
        too_many=so_far.too_many.after(above(errors, stops.errors_most, TOO_MANY)),
    )


def stopped(found: Evidence, policy: CanaryPolicy) -> str:
    """Return why the canary must stop, in words; empty if nothing says so."""
    needed = -math.log(policy.stop_tail(len(_WORDS)))
    found_by = {name: getattr(found, name).evidence for name in _WORDS}
    said = [
        f"{_WORDS[name]} (evidence of {has / math.log(10):.1f} digits, {needed / math.log(10):.1f}"
        " are needed)"
        for name, has in found_by.items()
        if has >= needed
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
