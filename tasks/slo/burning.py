"""When a budget burns too fast: pairs of windows, their factors, and the least traffic of each.

Multi-window multi-burn-rate alerts (Google SRE Workbook, chapter 5; windows and shares as Sloth's
google-30d.yaml): of a month's budget 2 % in an hour, 5 % in six, 10 % in a day, 10 % in three days,
each confirmed in a window a twelfth as long, so that an alert ends soon after its cause. Pure.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tasks.slo.objectives import OF_SAMPLES, Objective

Severity = Literal["page", "ticket"]
# (hours, minutes that confirm it, share of the budget that is gone by then, how urgent)
_PAIRS: tuple[tuple[int, int, float, Severity], ...] = (
    (1, 5, 0.02, "page"),
    (6, 30, 0.05, "page"),
    (24, 120, 0.10, "ticket"),
    (72, 360, 0.10, "ticket"),
)
# What is looked at once a day says nothing of an hour: two days, confirmed in one, and a week. An
# hour more than whole days, since no two looks are exactly a day apart.
_DAILY: tuple[tuple[int, int, float, Severity], ...] = (
    (49, 25 * 60, 0.20, "ticket"),
    (169, 49 * 60, 0.25, "ticket"),
)
# A threshold that fewer bad requests pass tells nothing: of 60 requests in an hour one that fails
# is 1.7 %, and 99.9 % pages at 1.44 %.
FEW_BAD = 5


class Pair(NamedTuple):
    """Two windows, in minutes, that must both show a bad share above `threshold`.

    `least_rate`: requests a minute over the longer one, below which nothing can be told.
    """

    long: int
    short: int
    factor: float
    threshold: float
    least_rate: float
    severity: Severity


def pairs_of(objective: Objective, days: int) -> tuple[Pair, ...]:
    """Return an objective's pairs of windows, the fastest first."""
    found: list[Pair] = []
    for (hours, short, _, severity), factor in zip(
        _table(objective), factors(objective, days), strict=True
    ):
        threshold = factor * objective.allowed
        enough = max(FEW_BAD / (threshold * hours * 60), objective.needed / (hours * 60))
        found.append(
            Pair(
                long=hours * 60,
                short=short,
                factor=factor,
                threshold=threshold,
                least_rate=max(objective.least_rate, enough),
                severity="ticket" if objective.severity == "ticket" else severity,
            )
        )
    return tuple(found)


def factors(objective: Objective, days: int) -> tuple[float, ...]:
    """Return how many times as fast as allowed the budget burns where each pair fires.

    Of a loose objective the usual ones cannot be reached: 14.4 x 5 % is 72 % bad requests. Its
    fastest is then what `worst` gives, and the rest lie evenly, by ratio, between that and 1.
    """
    table = _table(objective)
    usual = tuple(share * days * 24 / hours for hours, _, share, _ in table)
    most = objective.worst / objective.allowed
    if usual[0] <= most:
        return usual
    last = len(table) - 1
    return tuple(most ** ((last - place) / last) for place in range(len(table)))


def _table(objective: Objective) -> tuple[tuple[int, int, float, Severity], ...]:
    return _DAILY if objective.of in OF_SAMPLES else _PAIRS
