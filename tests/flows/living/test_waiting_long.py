"""A candidate that people have not answered for a day: it is told once more, in the hourly look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flows.promotion import waiting_long
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.promotion import Poll
from tests.flows.living.conftest import Lived


def test_what_waits_for_a_day_is_told_once_more_until_it_expires(lived: Lived) -> None:
    workshop, now = Workshop(Settings(home=lived.home)), datetime.now(UTC)
    poll = Poll(release=None, passed_over={3: "nobody has answered", 2: "another"})

    def told(after: timedelta, poll: Poll = poll) -> list[str]:
        return [one.text for one in waiting_long(workshop, "shelves", poll, now + after)]

    (text,) = told(timedelta(days=1))
    assert text.startswith("shelves-candidate version 3 has waited for approval since 20")
    assert "paddock show --name shelves" in text
    keys = {
        event.key
        for hours in (25, 26)
        for event in waiting_long(workshop, "shelves", poll, now + timedelta(hours=hours))
    }
    assert len(keys) == 1  # the store keeps that it was told
    assert told(timedelta(hours=20)) == []
    assert told(timedelta(days=15)) == []
    for answered in ({2: "another was released"}, {}):
        assert told(timedelta(days=2), Poll(release=None, passed_over=answered)) == []
