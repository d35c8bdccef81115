"""What a week's trainings may take and have taken, of each model that has a limit.

The limits stand in the model's file and come to its runs as settings; a run that starts by itself
keeps them in the store (`week/<name>.json`), where the metrics find them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from data_contracts.records import Frozen
from tasks.finetuning.week import WEEK, spent_between
from tasks.storage.objects import ObjectStore
from tasks.storage.outputs import Outputs

FOLDER = "week"
HOURS, MONEY = "GPU hours", "in cost"


class Budget(NamedTuple):
    """One limit on a week: what is spent of it and what it is, in `unit`."""

    unit: str
    spent: float
    limit: float

    @property
    def words(self) -> str:
        """Return it as people say it: `11.5 of 12 GPU hours`."""
        return f"{self.spent:.3g} of {self.limit:.3g} {self.unit}"


class WeekLimits(Frozen):
    """What a week's trainings may take; `price` is that of a GPU hour, where none was recorded."""

    gpu_hours: float | None = None
    cost: float | None = None
    price: float | None = None

    @property
    def some(self) -> bool:
        """Tell whether there is a limit."""
        return self.gpu_hours is not None or self.cost is not None


def budgets_of(outputs: Outputs, name: str, limits: WeekLimits, now: datetime) -> list[Budget]:
    """Return what a model's trainings have taken of each limit in the last seven days."""
    spent = spent_between(outputs, name, now - WEEK, now, limits.price)
    return [
        Budget(unit, value, limit)
        for unit, value, limit in (
            (HOURS, spent.gpu_hours, limits.gpu_hours),
            (MONEY, spent.cost, limits.cost),
        )
        if limit is not None
    ]


def keep_limits(store: ObjectStore, name: str, limits: WeekLimits) -> None:
    """Keep a model's limits; where it has none, take away what it had."""
    key = f"{FOLDER}/{name}.json"
    if limits.some:
        store.write(key, limits.model_dump_json().encode())
    elif any(one == key for one in store.keys(FOLDER)):
        store.remove(key)


def read_limits(store: ObjectStore) -> Iterator[tuple[str, WeekLimits]]:
    """Yield each model that has limits; one that is changed meanwhile is left out."""
    for key in sorted(store.keys(FOLDER)):
        try:
            limits = WeekLimits.model_validate_json(store.read(key))
        except (FileNotFoundError, ValidationError):
            continue
        yield key.removeprefix(f"{FOLDER}/").removesuffix(".json"), limits
