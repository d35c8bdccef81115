"""`not_worse_than`: the candidate's paired loss against the reference stays below the limit."""

from __future__ import annotations

from typing import ClassVar

from model_registry.rules.rule import Asked, Finding, Rule, gained


class NotWorseThan(Rule):
    """Non-inferiority with the limit as its margin."""

    name: ClassVar[str] = "not_worse_than"
    compares: ClassVar[bool] = True

    def judge(self, asked: Asked) -> Finding:
        """Pass a loss smaller than the margin, whichever direction is the better one."""
        return gained(asked, -asked.limit)
