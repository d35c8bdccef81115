"""`improves_by`: the candidate's paired gain over the reference exceeds the limit."""

from __future__ import annotations

from typing import ClassVar

from model_registry.rules.rule import Asked, Finding, Rule, gained


class ImprovesBy(Rule):
    """Superiority: with a limit of 0, the interval of the gain is clear of zero."""

    name: ClassVar[str] = "improves_by"
    compares: ClassVar[bool] = True

    def judge(self, asked: Asked) -> Finding:
        """Pass a gain beyond the limit, whichever direction is the better one."""
        return gained(asked, asked.limit)
