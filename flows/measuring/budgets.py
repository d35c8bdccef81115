"""What trainings have taken of a week's budget, by the limits that stand in the store.

Reads the limits, and the records beside the trained models of the last seven days. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from flows.measuring.figures import Figure, figure
from flows.showing.week_budget import HOURS, MONEY, budgets_of, read_limits
from tasks.storage.outputs import Outputs

CALLED = {HOURS: "gpu_hours", MONEY: "cost"}


def budgets(outputs: Outputs) -> Iterator[Figure]:
    """Yield each model's budgets and what is spent of them."""
    for name, limits in read_limits(outputs.store):
        for one in budgets_of(outputs, name, limits, datetime.now(UTC)):
            of = {"model": name, "budget": CALLED[one.unit]}
            yield figure("paddock_week_spent", one.spent, **of)
            yield figure("paddock_week_allowed", one.limit, **of)
