"""Counters of a gateway that starts again, and of scrapes that lack something."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.canary.arms import ARMS, Arms, Reading, Scraped, Seen, Weights, take

EDGES = (100.0, 1000.0)
START = datetime(2026, 1, 1, tzinfo=UTC)
DEAD = [None, math.nan, -1.0, math.inf]


def scraped(requests: float = 0, errors: float = 0, judged: float | None = None) -> Scraped:
    """Return an arm whose answers took: half up to 100 ms, the rest up to 1000 ms."""
    return Scraped(
        requests=requests,
        errors=errors,
        truncated=0,
        latency=(requests // 2, requests, requests),
        judged=judged,
        hallucinated=None if judged is None else judged // 4,
        refused=None if judged is None else 0,
    )


def reading(minute: int, gateway: str = "", **arms: Scraped) -> Reading:
    given: dict[str, Any] = {name: scraped() for name in ARMS} | arms
    at = START + timedelta(minutes=minute)
    return Reading(at=at, healthy=True, edges=EDGES, gateway=gateway, **given)


def added(*readings: Reading) -> Arms:
    total, seen = Arms(), Seen()
    for one in readings:
        taken = take(seen, one)
        total, seen = total.plus(taken.new), taken.seen
    return total


ticks = st.lists(
    st.tuples(
        st.integers(0, 40),  # requests
        st.integers(0, 40),  # errors among them, if so many
        st.sampled_from(["", "", "", "", "starts", "unread"]),
    ),
    min_size=1,
    max_size=25,
)


@given(ticks)
def test_nothing_is_lost_or_doubled_over_starts_and_scrapes_that_fail(
    drawn: list[tuple[int, int, str]],
) -> None:
    requests = errors = total = total_errors = start = 0
    readings = [reading(0, "0", canary=scraped(0))]
    for minute, (more, bad, event) in enumerate([*drawn, (0, 0, "")], start=1):
        # A gateway starts again right after a whole scrape: what it forgets was read.
        if event == "starts" and readings[-1].canary.requests is not None:
            requests, errors, start = 0, 0, minute
        bad = min(bad, more)
        requests, errors = requests + more, errors + bad
        total, total_errors = total + more, total_errors + bad
        arm = Scraped() if event == "unread" else scraped(requests, errors)
        readings.append(reading(minute, f"{start}", canary=arm))
    found = added(*readings).canary
    assert (found.requests, found.errors) == (total, total_errors)
    assert sum(found.latency) == total


def test_a_start_is_seen_by_any_counter_that_fell() -> None:
    """The canary has more than before, all of it new; only the baseline's counter tells."""
    before = reading(1, canary=scraped(10, 3), baseline=scraped(50))
    after = reading(2, canary=scraped(12, 5), baseline=scraped(8))
    found = added(reading(0), before, after)
    assert (found.canary.requests, found.canary.errors) == (22, 8)
    assert found.baseline.requests == 58


def test_what_was_counted_before_the_canary_began_is_not_its_own() -> None:
    found = added(reading(0, stable=scraped(1000)), reading(1, stable=scraped(1010)))
    assert found.stable.requests == 10


@pytest.mark.parametrize("value", DEAD)
@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("figure", ["requests", "errors", "truncated"])
def test_a_figure_that_cannot_be_is_not_counted_and_said(
    value: float | None, arm: str, figure: str
) -> None:
    bad = scraped(9).model_copy(update={figure: value})
    first = take(Seen(), reading(0))
    taken = take(first.seen, reading(1).model_copy(update={arm: bad}))
    assert taken.new == Arms()
    assert arm in taken.lacks
    assert taken.seen.counted == first.seen.counted


@pytest.mark.parametrize(
    "latency", [None, (1.0,), (5.0, 4.0, 4.0), (math.nan, 1.0, 2.0), (-1.0, 2.0, 2.0)]
)
def test_buckets_that_cannot_be_are_not_counted(latency: tuple[float, ...] | None) -> None:
    bad = scraped(9).model_copy(update={"latency": latency})
    taken = take(take(Seen(), reading(0)).seen, reading(1, canary=bad))
    assert taken.new == Arms()
    assert "canary" in taken.lacks


def test_more_errors_than_requests_and_other_buckets_are_not_counted() -> None:
    seen = take(Seen(), reading(0)).seen
    assert take(seen, reading(1, canary=scraped(3, 4))).lacks
    other = reading(1).model_copy(update={"edges": (100.0, 900.0)})
    assert "others" in take(seen, other).lacks


def test_an_older_reading_adds_nothing() -> None:
    one, two = reading(1, canary=scraped(10)), reading(2, canary=scraped(25))
    assert added(reading(0), one, two, one, two, two) == added(reading(0), one, two)


def test_judged_answers_are_totals_that_never_begin_again() -> None:
    readings = [
        reading(0, canary=scraped(0, judged=0)),
        reading(1, canary=scraped(9, judged=8)),
        reading(2, "restarted", canary=scraped(2, judged=8)),
        reading(3, "restarted", canary=scraped(4, judged=4)),  # the store cannot be right
        reading(4, "restarted", canary=scraped(6, judged=12)),
    ]
    found = added(*readings).canary
    assert (found.judged, found.hallucinated, found.requests) == (12, 3, 15)


def test_judged_answers_read_late_are_counted_from_the_beginning() -> None:
    late = reading(5, canary=scraped(20, judged=12))
    assert added(reading(0), late).canary.judged == 12
    assert "no judged answers" in take(Seen(), reading(0)).lacks_judged


@pytest.mark.parametrize("share", [5.0, 25.0, 50.0, 100.0])
def test_weights_sum_to_all_and_the_baseline_is_as_large_as_the_canary(share: float) -> None:
    weights = Weights.of(share)
    assert weights.baseline + weights.stable + weights.canary == 100
    assert weights.baseline == (share if share <= 50 else 0)
    assert min(weights.baseline, weights.stable) >= 0
