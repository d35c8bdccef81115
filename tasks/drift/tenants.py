"""Tenants one by one: whose questions or answers part from the reference, the others' apart.

Many are looked at, so some would seem to part by chance: of those named the expected share of such
is held below `FALSE` (Benjamini and Hochberg, 1995). A tenant that asks otherwise than the rest did
so from its first day on, maybe; it is told, and starts nothing by itself. Pure functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from data_contracts.records import Frozen
from tasks.drift.judge import Judge, Scored
from tasks.drift.signals.signal import Signal
from tasks.drift.standard import Standard

FALSE = 0.05  # of the tenants that are named, the share that may part by chance
MOST = 50  # the largest are looked at
_SIZES = (50, 70, 100, 140, 200, 280, 400, 560, 800, 1000)  # whose limits are drawn


class Tenant(Frozen):
    """What is known of one: `drifted` names the signals, `p_value` is as of a whole window."""

    tenant: str
    rows: int
    p_value: float
    drifted: tuple[str, ...]
    explanation: str


def judge_tenants(
    judge: Judge,
    rows: Scored,
    tenants: Sequence[str],
    standard: Standard,
    fewest: int,
    *,
    answers_known: bool,
) -> tuple[Tenant, ...]:
    """Return the verdict on each tenant with rows enough, the largest first.

    `tenants` names each row's, empty if it has none. A window of one tenant alone has no parts.
    """
    import numpy as np

    named = Counter(filter(None, tenants))
    wanted = [one for one, count in named.most_common(MOST) if count >= fewest]
    if len(named) < 2:
        return ()
    column: Any = np.array(tenants)
    found: list[tuple[str, int, float, tuple[Signal, ...]]] = []
    for tenant in wanted:
        places = np.flatnonzero(column == tenant)
        size = max((size for size in _SIZES if size <= len(places)), default=len(places))
        signals, p_value = judge.of_scores(
            rows.take(places), standard, answers_known=answers_known, limits_of=size
        )
        found.append((tenant, len(places), p_value, signals))
    apart = discoveries([p_value for _, _, p_value, _ in found])
    return tuple(
        _verdict(*one, sure=sure and any(signal.drifted for signal in one[3]))
        for one, sure in zip(found, apart, strict=True)
    )


def discoveries(p_values: Sequence[float], false: float = FALSE) -> list[bool]:
    """Return which of many tests stand, with an expected share of false ones among them."""
    ordered = sorted(p_values)
    passed = [p for rank, p in enumerate(ordered, 1) if p <= rank * false / len(ordered)]
    limit = max(passed, default=-1.0)
    return [p <= limit for p in p_values]


def _verdict(
    tenant: str, rows: int, p_value: float, signals: Sequence[Signal], *, sure: bool
) -> Tenant:
    drifted = [signal for signal in signals if signal.drifted] if sure else []
    return Tenant(
        tenant=tenant,
        rows=rows,
        p_value=round(p_value, 6),
        drifted=tuple(signal.name for signal in drifted),
        explanation="; ".join(signal.explanation for signal in drifted),
    )
