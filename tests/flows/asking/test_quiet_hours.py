"""When nothing starts by itself: hours, days, time zones, over midnight and over changed clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.asking.quiet_hours import quiet_until, read_quiet


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-03-02 is a Monday.
@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("08:00-18:00", "2026-03-02T07:59", None),
        ("08:00-18:00", "2026-03-02T08:00", "2026-03-02T18:00"),
        ("08:00-18:00", "2026-03-02T18:00", None),
        ("mon-fri 8:00-18:00", "2026-03-07T12:00", None),
        ("sat 08:00-18:00", "2026-03-07T12:00", "2026-03-07T18:00"),
        ("fri-mon 08:00-18:00", "2026-03-02T12:00", "2026-03-02T18:00"),
        ("fri-mon 08:00-18:00", "2026-03-03T12:00", None),
        ("22:00-06:00", "2026-03-02T23:00", "2026-03-03T06:00"),
        ("22:00-06:00", "2026-03-03T05:59", "2026-03-03T06:00"),
        ("fri 22:00-06:00", "2026-03-07T05:00", "2026-03-07T06:00"),
        ("fri 22:00-06:00", "2026-03-08T05:00", None),
        ("08:00-18:00 Europe/Berlin", "2026-03-02T07:30", "2026-03-02T17:00"),
        # Clocks go forward at 2:00: the night lasts an hour less.
        ("22:00-06:00 Europe/Berlin", "2026-03-29T03:59", "2026-03-29T04:00"),
        ("22:00-06:00 Europe/Berlin", "2026-03-29T04:00", None),
    ],
)
def test_quiet_hours(hours: str, now: str, until: str | None) -> None:
    assert quiet_until([read_quiet(hours)], at(now)) == (at(until) if until else None)


def test_hours_that_follow_one_another_are_one_stretch() -> None:
    quiet = [read_quiet("08:00-12:00"), read_quiet("12:00-13:00"), read_quiet("11:00-12:30")]
    assert quiet_until(quiet, at("2026-03-02T09:00")) == at("2026-03-02T13:00")
    assert quiet_until([], at("2026-03-02T09:00")) is None


def test_hours_without_an_end_are_quiet_for_more_than_a_week() -> None:
    now = at("2026-03-02T09:00")
    until = quiet_until([read_quiet("00:00-00:00")], now)
    assert until is not None and until - now > timedelta(days=7)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("daytime", "these are no hours"),
        ("8-18", "these are no hours"),
        ("25:00-26:00", "no such time of day"),
        ("08:00-18:00 Mars/Olympus", "or time zone"),
        ("wkd 08:00-18:00", "no day is called 'wkd'"),
        ("mon-xyz 08:00-18:00", "no day is called 'xyz'"),
    ],
)
def test_what_are_no_hours_is_refused(hours: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_quiet(hours)
