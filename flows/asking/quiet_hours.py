"""Hours in which nothing that runs by itself starts a training.

As `mon-fri 08:00-18:00 Europe/Berlin`; days and time zone may be left out (every day, UTC). Hours
may go over midnight: then the day is that on which they begin. Pure functions; light to import.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOW = 'write it as "08:00-18:00" or "mon-fri 08:00-18:00 Europe/Berlin"'
_HOURS = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    r"(?P<start>\d{1,2}:\d\d)-(?P<end>\d{1,2}:\d\d)(?: (?P<zone>[A-Za-z0-9_+/-]+))?"
)
_WEEK = 7


class Quiet(NamedTuple):
    """Hours of days (0 is Monday) in a time zone; an `end` not after `start` is the next day."""

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo


def read_quiet(text: str) -> Quiet:
    """Read such hours; ValueError says what is wrong with them."""
    found = _HOURS.fullmatch(" ".join(text.split()))
    if found is None:
        raise ValueError(f"these are no hours: {text!r}; {HOW}")
    try:
        start, end = (time.fromisoformat(found[part].zfill(5)) for part in ("start", "end"))
        zone = ZoneInfo(found["zone"] or "UTC")
    except (ValueError, ZoneInfoNotFoundError):
        raise ValueError(f"no such time of day, or time zone: {text!r}; {HOW}") from None
    return Quiet(_days(found["first"], found["last"]), start, end, zone)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(_WEEK))
    for name in (first, last or first):
        if name not in DAYS:
            raise ValueError(f"no day is called {name!r}: {', '.join(DAYS)}; {HOW}")
    begins, ends = DAYS.index(first), DAYS.index(last or first)
    return frozenset((begins + day) % _WEEK for day in range((ends - begins) % _WEEK + 1))


def quiet_until(given: Sequence[Quiet], now: datetime) -> datetime | None:
    """Return when the quiet hours end that a moment is in (UTC), or None outside of any.

    Hours that follow one another are one stretch; of hours without an end, a week of them.
    """
    moment = now
    while ends := [end for one in given if (end := _end(one, moment))]:
        moment = max(ends)
        if moment - now > timedelta(days=_WEEK):
            break
    return None if moment == now else moment


def _end(one: Quiet, moment: datetime) -> datetime | None:
    local = moment.astimezone(one.zone)
    for day in (local.date(), local.date() - timedelta(days=1)):
        if day.weekday() not in one.days:
            continue
        over = one.end <= one.start
        # Both as instants: on the night that clocks change, local times are no measure.
        start = datetime.combine(day, one.start, one.zone).astimezone(UTC)
        end = datetime.combine(day + timedelta(days=over), one.end, one.zone).astimezone(UTC)
        if start <= moment < end:
            return end
    return None
