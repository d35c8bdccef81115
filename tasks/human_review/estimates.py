"""What people's ratings say of all answers, from a sample whose chances are known.

Needs ratings and their weights; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from model_registry.power.shares import share_interval
from model_registry.scorecard import Estimate, Unit


def weighted(values: Sequence[float], weights: Sequence[float], unit: Unit) -> Estimate:
    """Return the weighted mean of values in a unit with bounds, with its 95% interval.

    The mean is Hájek's, sum(w y) / sum(w). Its interval is Clopper and Pearson's over Kish's
    effective size (sum w)² / sum(w²), as Korn and Graubard (1998) take it for shares of a survey.
    A mean between bounds varies no more than a share: for a scale it is wide rather than narrow.
    ValueError if the unit has no bounds.
    """
    if unit.bounds is None:
        raise ValueError(f"{unit.name} has no bounds")
    if not values:
        return Estimate(value=None, low=None, high=None, n=0)
    low, high = unit.bounds
    total = math.fsum(weights)
    mean = math.fsum(w * y for w, y in zip(weights, values, strict=True)) / total
    effective = total**2 / math.fsum(w * w for w in weights)
    share = min(1.0, max(0.0, (mean - low) / (high - low)))
    ends = [float(end) for end in share_interval(share * effective, effective)]
    return Estimate(
        value=mean,
        low=low + ends[0] * (high - low),
        high=low + ends[1] * (high - low),
        n=len(values),
    )
