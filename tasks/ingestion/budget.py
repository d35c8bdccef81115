"""How many more rows may be read where a run asks for a part of its source only.

What was held out from training comes first and may be more than the limit; so it has a share of it
alone. Writes nothing.
"""

from __future__ import annotations

from collections import Counter

from data_contracts.records import Split
from tasks.ingestion.layout import HELD_OUT

_OF = 10  # each split held out may be one in so many


class RowBudget:
    """Rows that may be taken; None is no limit."""

    def __init__(self, max_rows: int | None) -> None:
        self._most = max_rows
        self._taken: Counter[Split | None] = Counter()

    def room(self, role: Split | None) -> int | None:
        """Return how many rows of a role may still be taken, or None for any number."""
        if self._most is None:
            return None
        left = self._most - self._taken.total()
        return min(left, self._most // _OF - self._taken[role]) if role in HELD_OUT else left

    def take(self, role: Split | None, rows: int) -> None:
        """Count rows that were taken."""
        self._taken[role] += rows

    @property
    def is_spent(self) -> bool:
        """Tell whether nothing more may be taken."""
        return self.room(None) == 0
