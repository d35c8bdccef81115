"""What a router saw while it served, beside what it saw when it was judged.

Counts by day (UTC's), of decisions that were computed: how many, how many went to the small model,
the sum of their margins. No text. Pure.
"""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import Field

from data_contracts.records import Frozen
from model_registry.power.shares import share_interval
from tasks.routing.model import Kept

DAYS = 7  # that are compared, today with them


class Day(Frozen):
    """A day's requests. `unread` were sent to the large model without a decision.

    `slow` decisions took longer than the gateway waits, so the large model had those requests, too.
    """

    decided: int = Field(default=0, ge=0)
    small: int = Field(default=0, ge=0)
    margins: float = 0.0
    unread: int = Field(default=0, ge=0)
    slow: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)


class Seen(Frozen):
    """The last days of one router, by its digest; `version` is the registered one."""

    name: str
    version: int
    digest: str
    expected: Kept
    days: dict[date, Day] = Field(default_factory=dict)

    def adding(self, day: date, more: Day) -> Seen:
        """Return the same with more of a day; days that are not compared any more are left out."""
        before = self.days.get(day, Day())
        both = {name: getattr(before, name) + getattr(more, name) for name in Day.model_fields}
        kept = {one: told for one, told in self.days.items() if one > day - timedelta(days=DAYS)}
        return self.model_copy(update={"days": {**kept, day: Day.model_validate(both)}})

    def together(self) -> Day:
        """Return its days as one."""
        names = Day.model_fields
        sums = {name: sum(getattr(day, name) for day in self.days.values()) for name in names}
        return Day.model_validate(sums)


class Compared(Frozen):
    """The share sent to the small model, served and held out, each with its 95% interval."""

    served: float
    served_low: float
    served_high: float
    expected: float
    expected_low: float
    expected_high: float

    @property
    def drifted(self) -> bool:
        """Tell whether the intervals lie apart: what is asked is not what it was judged on."""
        return self.served_low > self.expected_high or self.served_high < self.expected_low


def compared(seen: Seen) -> Compared | None:
    """Return the shares with exact intervals (Clopper and Pearson's); None before a decision."""
    day, expected = seen.together(), seen.expected
    if not day.decided or not expected.asked:
        return None
    low, high = share_interval(day.small, day.decided)
    at_least, at_most = share_interval(expected.small, expected.asked)
    return Compared(
        served=day.small / day.decided,
        served_low=float(low),
        served_high=float(high),
        expected=expected.small / expected.asked,
        expected_low=float(at_least),
        expected_high=float(at_most),
    )


def told(seen: Seen) -> list[str]:
    """Return it in words."""
    day, shares = seen.together(), compared(seen)
    lines = [
        f"router {seen.name}/{seen.version}: {day.decided:,} decisions in {DAYS} days at most, "
        f"{day.small:,} to the small model; {day.unread:,} requests not read, {day.slow:,} decided "
        "too late: those went to the large one"
    ]
    if shares is None:
        return lines
    lines.append(
        f"{shares.served:.1%} [{shares.served_low:.1%}, {shares.served_high:.1%}] to the small "
        f"model, when it was judged {shares.expected:.1%} [{shares.expected_low:.1%}, "
        f"{shares.expected_high:.1%}]; margin {day.margins / day.decided:+.3f} on average, "
        f"{1000 * day.seconds / day.decided:.0f} ms a decision"
    )
    if shares.drifted:
        lines.append(
            "DRIFT: what is asked is not what the router was judged on; put such requests into an "
            "eval set, and build the router again"
        )
    return lines
