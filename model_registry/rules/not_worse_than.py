"""`not_worse_than`: the candidate's paired loss against the reference stays below the limit."""

from __future__ import annotations

from typing import ClassVar

from model_registry.power.least import Planned, least_for_gain
from model_registry.rules.rule import Asked, Finding, Rule, edge_of_gain, gained


class NotWorseThan(Rule):
    """Non-inferiority with the limit as its margin."""

    name: ClassVar[str] = "not_worse_than"
    compares: ClassVar[bool] = True

    def judge(self, asked: Asked) -> Finding:
        """Pass a loss smaller than the margin, whichever direction is the better one."""
        return gained(asked, -asked.limit)

    def least(self, planned: Planned) -> int | None:
        """Return at how many paired cases it can be shown."""
        return least_for_gain(planned, -planned.limit)

    def edge(self, planned: Planned) -> float | None:
        """Return the level at the limit's distance from the reference."""
        return edge_of_gain(planned, -planned.limit)
