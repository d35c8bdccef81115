"""Whether what runs by itself may start a training now: quiet hours, and what a week may take.

Of schedules and drift, not of people: who starts a run has decided. The settings come from the
model's file (`[by_itself]`). Tells people once a day that a budget is spent, once a week that it
nearly is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from flows.asking.parameters import RetrainParameters
from flows.asking.quiet_hours import quiet_until, read_quiet
from flows.showing.notifying import Event, notify, trouble_event
from flows.showing.progress import LOGGER
from flows.showing.week_budget import HOURS, Budget, WeekLimits, budgets_of, keep_limits
from flows.workshop.parts import Workshop

NEAR = 0.8  # of a budget: people hear of it while it can still be raised


class Held(NamedTuple):
    """Why nothing starts now. `spent`: a budget is, so somebody decides; else it waits."""

    reason: str
    spent: bool


def held(
    workshop: Workshop, asked: RetrainParameters, budgets: Sequence[Budget], now: datetime
) -> Held | None:
    """Return why no training starts by itself now, or None where one may."""
    settings = workshop.settings
    quiet = [read_quiet(one) for one in settings.quiet_hours.split(",") if one.strip()]
    if until := quiet_until(quiet, now):
        return Held(f"quiet hours until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC", spent=False)
    _tell(workshop, asked.name, budgets, now)
    over = [one for one in budgets if one.spent >= one.limit]
    if not over:
        return None
    words = " and ".join(one.words for one in over)
    return Held(f"the last seven days' budget is spent: {words}", spent=True)


def week_budgets(workshop: Workshop, asked: RetrainParameters, now: datetime) -> list[Budget]:
    """Return what is spent of each limit on the last seven days that is set.

    Keeps the limits in the store, for the metrics.
    """
    settings = workshop.settings
    limits = WeekLimits(
        gpu_hours=settings.week_gpu_hours, cost=settings.week_cost, price=asked.gpu_hour_price
    )
    keep_limits(workshop.store, asked.name, limits)
    if not limits.some:
        return []
    return budgets_of(workshop.outputs, asked.name, limits, now)


def minutes_left(asked: RetrainParameters, budgets: Sequence[Budget]) -> float | None:
    """Return how long a training may take until a limit on the week is reached; None without one.

    Its own limits hold beside it. A training that reaches it saves a checkpoint and stops.
    """
    left = [
        60 * (one.limit - one.spent) / (gpus if one.unit == HOURS else gpus * price)
        for gpus, price in [(asked.gpus * asked.nodes, asked.gpu_hour_price or 0.0)]
        for one in budgets
        if one.unit == HOURS or price
    ]
    if not left:
        return None
    minutes = max(min(left), 1.0)
    LOGGER.info("  what is left of the week's budget is enough for %.0f minutes", minutes)
    return minutes


def _tell(workshop: Workshop, name: str, budgets: Sequence[Budget], now: datetime) -> None:
    for one in budgets:
        said = f"The trainings of {name} have taken {one.words} in the last seven days"
        if one.spent >= one.limit:
            remedy = (
                "raise it in the model's file under [by_itself], or wait until older ones are out"
            )
            notify(workshop, trouble_event(name, said, remedy))
        elif one.spent >= NEAR * one.limit:
            about = f"{now:%G-W%V} {one.unit}"
            notify(workshop, Event("budget is nearly spent", name, about, f"{said}."))
