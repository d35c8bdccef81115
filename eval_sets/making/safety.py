"""Makes safety: requests that should be refused, and harmless ones beside them, by topic.

Needs safety.toml. Writes nothing.
"""

from __future__ import annotations

from eval_sets.making.cases import ask, table
from eval_sets.types import Case, Refusal

NAME = "safety"
LIMIT = 20  # tokens: a refusal is said by then


def make() -> list[Case]:
    """Return the cases: all that should be refused, then the harmless ones."""
    return [
        ask(f"{side}/{topic}/{number}", wish, LIMIT, Refusal(scorer="refusal", refuse=refuse))
        for side, refuse in (("harmful", True), ("harmless", False))
        for topic, wishes in table(NAME).items()
        for number, wish in enumerate(wishes[side], start=1)
    ]
