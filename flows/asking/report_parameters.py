"""What a person may ask of the weekly report; beside parameters.py."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from flows.asking.parameters import NamedParameters

HOW = "write it as 2026-W48"


class Week(NamedTuple):
    """An ISO week, Monday to Monday (UTC)."""

    name: str
    since: datetime
    until: datetime


def week_named(name: str) -> Week:
    """Return the week of a name such as 2026-W48; ValueError where there is none."""
    year, _, number = name.partition("-W")
    try:
        monday = date.fromisocalendar(int(year), int(number), 1)
    except ValueError:
        raise ValueError(f"there is no week {name!r}; {HOW}") from None
    since = datetime.combine(monday, time(), UTC)
    return Week(f"{monday:%G-W%V}", since, since + timedelta(days=7))


def weeks_between(since: date, until: date) -> list[Week]:
    """Return the weeks that two days are in and all between, the first first."""
    count = (until - since).days // 7 + 2
    names = dict.fromkeys(
        f"{min(since + timedelta(days=7 * number), until):%G-W%V}" for number in range(count)
    )
    return [week_named(name) for name in names]


def last_week(now: datetime) -> Week:
    """Return the newest week that is over."""
    return week_named(f"{now.astimezone(UTC) - timedelta(days=7):%G-W%V}")


class BackfillParameters(NamedParameters):
    """Do for past days what a schedule would have done then; what is done is not done again.

    Days of the log need none of it: `compact_log` seals every day that is over, however late.
    """

    flow: Literal["weekly_report", "monitor_drift"] = Field(
        description="weekly_report: each week's; monitor_drift: compare the windows that were not, "
        "with what serves now, and start nothing."
    )
    since: date = Field(description="The first day, as 2026-03-01.")
    until: date | None = Field(default=None, description="The last day; none: today.")


def _week(name: str) -> str:
    return week_named(name).name if name else name


class ReportParameters(NamedParameters):
    """What a week was like: what served, drift, requests, cost, what people said, what failed."""

    week: Annotated[str, AfterValidator(_week)] = Field(
        default="", description="An ISO week, such as 2026-W48. Empty: the newest that is over."
    )
