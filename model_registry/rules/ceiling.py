"""`max`: the candidate's figure is no higher than the limit."""

from __future__ import annotations

from typing import ClassVar

from model_registry.power.least import FEWEST, Planned, least_for_floor
from model_registry.rules.rule import Asked, Finding, Rule


class Ceiling(Rule):
    """Judged at the interval's high end, unless the gate says the figure itself."""

    name: ClassVar[str] = "max"
    compares: ClassVar[bool] = False

    def judge(self, asked: Asked) -> Finding:
        """Pass what is at most the limit."""
        judged, what = asked.end(wants_more=False)
        return Finding(judged <= asked.limit, judged, what, f"at most {asked.limit:g}")

    def least(self, planned: Planned) -> int | None:
        """Return what a floor of all that is left over needs."""
        if not planned.share:
            return FEWEST
        level = None if planned.candidate is None else 1 - planned.candidate
        return least_for_floor(planned, 1 - planned.limit, level)

    def edge(self, planned: Planned) -> float | None:
        """Return the limit: a candidate there must not pass on the bound."""
        return planned.limit
