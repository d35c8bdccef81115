"""The least number of cases that a gate can decide with, by formula.

Two limits, and the larger counts. Below the first no outcome can pass: the interval of the best one
is too wide still. From the second on, a candidate that is as good as is assumed passes with the
policy's `power`. For that

    n = ((z s0 + zp s) / gap)^2

with `gap` between what is true and the gate's limit, zp the normal quantile of the power, z that of
the interval's end (0 where a gate judges the figure itself), s one case's standard deviation as it
is and s0 as the interval's end takes it to be: for a share in Fleiss, Levin and Paik (2003),
"Statistical Methods for Rates and Proportions", chapter 2; for paired shares in Lu and Bean (1995),
Statistics in Medicine 14, 1831-1839. Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist

from pydantic import Field

from data_contracts.records import Frozen
from model_registry.power.shares import TAIL, Z, paired_interval, score_variance

FEWEST = 8  # cases: the least for which there is a bootstrap's interval
CHANGED = 0.12
DROP = 0.05
_ROUNDS = 30
_MOST = 10_000  # cases: a gain that so many cannot show is none that a gate should ask for


class Assumed(Frozen):
    """What is taken for true of a figure before anybody trains; all in the figure's own unit.

    `base` and `champion` are their levels. `changed` tells how far two equally good models differ:
    the share of cases with another score; of a figure that is no share, the standard deviation of
    one case's difference (of a perplexity: in nats a token). `drop` is the loss that a policy must
    find. `spread` is the standard deviation between cases, which only figures that are no shares
    need (of a perplexity: in nats a token).
    """

    base: float | None = None
    champion: float | None = None
    changed: float = Field(default=CHANGED, gt=0)
    drop: float = Field(default=DROP, gt=0)
    spread: float = Field(default=0.0, ge=0)


@dataclass(frozen=True)
class Planned:
    """What a gate will ask, and what is assumed of the models it will be asked of.

    `candidate` is the level of one as good as the champion. `share` tells whether every score is 0
    or 1; if not, `deviation` is that of one case (None: not known).
    """

    limit: float
    on_bound: bool
    higher_is_better: bool
    reference: float | None
    candidate: float | None
    changed: float
    power: float
    share: bool = True
    deviation: float | None = None

    def about(self, reference: float) -> Planned:
        """Return the same with a level of the reference, where none was stated."""
        return self if self.reference is not None else replace(self, reference=reference)

    def cases(
        self, gap: float, deviation: float, *, at_limit: float | None = None, added: float = 0.0
    ) -> int:
        """Return the formula's n. Where there is no gap it has none, and 1 is returned.

        `at_limit` is one case's deviation as the interval's end takes it to be, if it is not
        `deviation`; an interval that counts `added` changes more than there are takes it to be
        larger the fewer the cases.
        """
        if self.power <= 0 or gap <= 0:
            return 1
        z, more = (Z if self.on_bound else 0.0), NormalDist().inv_cdf(self.power) * deviation
        n = 1.0
        for _ in range(_ROUNDS):  # n stands on both sides; it settles soon
            end = max(at_limit or 0.0, math.sqrt(deviation**2 + added / n))
            n = max(1.0, ((z * end + more) / gap) ** 2)
        return math.ceil(n)


@cache
def least_for_floor(planned: Planned, limit: float, level: float | None) -> int | None:
    """Return the least n at which a share can be shown to be at least `limit`; None: at none.

    `level` is the share that is assumed. A ceiling is a floor of what is left over.
    """
    if planned.on_bound and limit >= 1:
        return None
    possible = 1
    if planned.on_bound and limit > 0:
        possible = math.ceil(math.log(TAIL) / math.log(limit) - 1e-9)
    if level is None or not (0 <= limit <= 1 and 0 < level < 1):
        return possible  # of a figure that never varies every outcome is the best one
    at_limit, as_is = (math.sqrt(share * (1 - share)) for share in (limit, level))
    return max(possible, planned.cases(level - limit, as_is, at_limit=at_limit))


@cache
def least_for_gain(planned: Planned, gain: float) -> int | None:
    """Return the least n at which a paired gain beyond `gain` can be shown; None: at none.

    Of a margin (a gain below zero) the candidate is taken to be as good as the reference, of a
    gain to be as good as is assumed, with no case lost.
    """
    excess = -gain if gain < 0 else _assumed_gain(planned) - gain
    if not planned.share:
        deviation = planned.deviation
        return FEWEST if deviation is None else max(FEWEST, planned.cases(excess, deviation))
    possible = _least_all_won(gain) if planned.on_bound else 1
    if possible is None or excess <= 0:
        return possible
    won = lost = planned.changed / 2
    if gain >= 0:
        won, lost = excess + gain, 0.0
    as_is = math.sqrt(max(0.0, won + lost - (won - lost) ** 2))
    at_limit = math.sqrt(score_variance(won, lost, gain))
    return max(possible, planned.cases(excess, as_is, at_limit=at_limit, added=2))


@cache
def _least_all_won(gain: float) -> int | None:
    """Return at how many cases that are all won the interval is clear of `gain`."""
    import numpy as np

    n = np.arange(1, _MOST)
    clear = np.flatnonzero(paired_interval(n, 0, n)[0] > gain)
    return int(n[clear[0]]) if clear.size else None


def _assumed_gain(planned: Planned) -> float:
    if planned.candidate is None or planned.reference is None:
        return 0.0
    gain = planned.candidate - planned.reference
    return max(0.0, gain if planned.higher_is_better else -gain)
