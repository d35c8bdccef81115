"""`min`: the candidate's figure is no lower than the limit."""

from __future__ import annotations

from typing import ClassVar

from model_registry.power.least import FEWEST, Planned, least_for_floor
from model_registry.rules.rule import Asked, Finding, Rule


class Floor(Rule):
    """Judged at the interval's low end, unless the gate says the figure itself."""

    name: ClassVar[str] = "min"
    compares: ClassVar[bool] = False

    def judge(self, asked: Asked) -> Finding:
        """Pass what is at least the limit."""
        judged, what = asked.end(wants_more=True)
        return Finding(judged >= asked.limit, judged, what, f"at least {asked.limit:g}")

    def least(self, planned: Planned) -> int | None:
        """Return at how many cases the limit can be shown to be reached."""
        if not planned.share:
            return FEWEST
        return least_for_floor(planned, planned.limit, planned.candidate)

    def edge(self, planned: Planned) -> float | None:
        """Return the limit: a candidate there must not pass on the bound."""
        return planned.limit
