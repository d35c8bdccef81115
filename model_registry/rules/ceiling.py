"""`max`: the candidate's figure is no higher than the limit."""

from __future__ import annotations

from typing import ClassVar

from model_registry.rules.rule import Asked, Finding, Rule


class Ceiling(Rule):
    """Judged at the interval's high end, unless the gate says the figure itself."""

    name: ClassVar[str] = "max"
    compares: ClassVar[bool] = False

    def judge(self, asked: Asked) -> Finding:
        """Pass what is at most the limit."""
        judged, what = asked.end(wants_more=False)
        return Finding(judged <= asked.limit, judged, what, f"at most {asked.limit:g}")
