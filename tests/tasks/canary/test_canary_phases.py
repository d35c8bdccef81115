"""A canary's ticks, from its first probe to its end, and all that must not promote it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.canary.arms import ARMS, Reading, Scraped
from tasks.canary.phases import State, Version, abort, begin, overdue, rolled_back_if_overdue, step
from tasks.canary.policy import CanaryPolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
EDGES = (1000.0, 2000.0, 3000.0)
POLICY = CanaryPolicy()
OLD, NEW = Version(version=1, digest="a" * 64), Version(version=2, digest="b" * 64)


class Site:
    """A gateway in front of a champion and a canary; `minute` lets traffic come and ticks."""

    def __init__(self, rate: int = 800, policy: CanaryPolicy = POLICY) -> None:
        self.rate, self.policy, self.now = rate, policy, START
        self.sums = {name: [0, 0, 0, 0] for name in ARMS}  # requests, errors, judged, slow
        self.state = begin("desk", NEW, OLD, START)
        self.healthy: bool | None = True

    def reading(self, errors: float = 0, slow: float = 0.05, canary: int | None = None) -> Reading:
        """Return what is scraped a minute later; `canary` are its requests, if not its share's."""
        self.now += timedelta(minutes=1)
        for name, sums in self.sums.items():
            n = int(self.rate * getattr(self.state.weights, name) / 100)
            n = canary if canary is not None and name == "canary" else n
            mine = name == "canary"
            more = (n, round(n * errors) if mine else 0, n, round(n * (slow if mine else 0.05)))
            sums[:] = [a + b for a, b in zip(sums, more, strict=True)]
        arms: dict[str, Any] = {name: self._scraped(*sums) for name, sums in self.sums.items()}
        return Reading(at=self.now, healthy=self.healthy, edges=EDGES, **arms)

    def minute(self, **given: Any) -> State:
        reading = self.reading(**given)
        self.state = step(self.state, self.policy, reading, self.now)
        return self.state

    def minutes(self, many: int, **given: Any) -> State:
        for _ in range(many):
            self.minute(**given)
        return self.state

    def _scraped(self, n: int, errors: int, judged: int, slow: int) -> Scraped:
        return Scraped(
            requests=n,
            errors=errors,
            truncated=n // 50,
            latency=(n // 5, n - slow, n, n),
            judged=judged,
            hallucinated=judged // 25,
            refused=judged // 30,
        )


def share(state: State) -> float:
    return state.weights.canary


def test_a_good_version_goes_through_every_phase_and_is_promoted_after_the_last() -> None:
    site, seen, minute = Site(), list[tuple[float, int]](), 0
    while not (state := site.minute()).ended:
        if not seen or seen[-1][0] != share(state):
            seen.append((share(state), minute))
        minute += 1
    # One tick to be ready, then an hour, half an hour, half an hour, a quarter.
    assert seen == [(5, 0), (25, 60), (50, 90), (100, 120)]
    assert (site.state.ended, minute) == ("promoted", 135)
    assert share(site.state) == 100
    assert [done.share for done in site.state.done] == [5, 25, 50, 100]


def test_a_tick_counts_once_however_often_it_is_done() -> None:
    site = Site()
    for _ in range(140):
        before, reading = site.state, site.reading()
        once = step(before, POLICY, reading, site.now)
        assert step(once, POLICY, reading, site.now) == once
        assert step(before, POLICY, reading, site.now) == once
        site.state = once
    assert site.state.ended == "promoted"


def test_a_state_that_was_written_and_read_is_the_same_at_every_tick() -> None:
    """So a worker may be killed after any tick; one killed within a tick wrote nothing."""
    site = Site()
    for minute in range(140):
        state = site.minute(errors=0.001 * (minute % 2))
        text = state.model_dump_json()
        site.state = State.model_validate_json(text)
        assert site.state == state
        assert len(text) < 20_000
    assert site.state.ended == "promoted"


def test_the_same_reading_later_adds_nothing() -> None:
    site = Site()
    site.minutes(10)
    reading, before = site.reading(), site.state
    once = step(before, POLICY, reading, site.now)
    later = step(once, POLICY, reading, site.now + timedelta(minutes=1))
    assert later.counts == once.counts
    assert later.evidence == once.evidence


@pytest.mark.parametrize("minutes", [1, 30, 75, 100, 130])
def test_a_dead_canary_is_rolled_back_in_that_very_tick(minutes: int) -> None:
    """Row 37: at any phase."""
    site = Site()
    site.minutes(minutes)
    site.healthy = False
    state = site.minute()
    assert (state.ended, share(state), state.weights.stable) == ("rolled back", 0, 100)
    assert "does not answer" in state.why


def test_a_canary_that_answers_errors_alone_is_stopped_in_one_tick() -> None:
    """Row 37 where the probe cannot tell: its process is there, and nothing it says is right."""
    site = Site(rate=330)
    site.minutes(20)
    site.healthy = None
    state = site.minute(errors=1)
    assert state.ended == "rolled back"
    assert "errors" in state.why


def test_a_canary_three_times_as_slow_is_stopped_within_minutes() -> None:
    site = Site(rate=330)
    site.minutes(10)
    state = site.minutes(5, slow=0.7)
    assert state.ended == "rolled back"
    assert "slow answers" in state.why


def test_too_many_errors_stop_the_last_phase_though_nothing_is_left_to_compare_with() -> None:
    site = Site()
    site.minutes(122)
    assert share(site.state) == 100
    assert site.minutes(3, errors=0.2).ended == "rolled back"


@pytest.mark.parametrize("phase_minutes", [1, 62, 92, 122])
def test_without_traffic_nothing_is_promoted(phase_minutes: int) -> None:
    """Row 38: however long it lasts, at any phase."""
    site = Site()
    site.minutes(phase_minutes)
    before = share(site.state)
    state = site.minutes(300, canary=0)
    assert (state.ended, share(state)) == (None, before)
    if before < 100:
        assert any(one.verdict == "not enough data" for one in state.verdicts)
    if phase_minutes == 1:
        assert all("none come in" in one.reason for one in state.verdicts)


def test_a_tick_that_reaches_no_canary_does_not_promote_what_had_passed() -> None:
    site = Site()
    site.minutes(60)
    assert share(site.minute(canary=0)) == 5
    assert share(site.minute()) == 25


def lost_errors(reading: Reading) -> Reading:
    bad = reading.canary.model_copy(update={"errors": math.nan})
    return reading.model_copy(update={"canary": bad})


def lost_latency(reading: Reading) -> Reading:
    bad = reading.baseline.model_copy(update={"latency": None})
    return reading.model_copy(update={"baseline": bad})


def lost_judged(reading: Reading) -> Reading:
    bad = reading.canary.model_copy(update={"hallucinated": -1.0})
    return reading.model_copy(update={"canary": bad})


@pytest.mark.parametrize("lose", [lost_errors, lost_latency, lost_judged])
def test_a_figure_that_cannot_be_read_is_never_a_pass(lose: Callable[[Reading], Reading]) -> None:
    site = Site()
    site.minutes(60)
    reading = lose(site.reading())
    state = step(site.state, POLICY, reading, site.now)
    assert share(state) == 5
    assert any(one.verdict == "not enough data" for one in state.verdicts)
    site.state = state
    assert share(site.minute()) == 25  # the next whole reading has it all
    counted = site.state.done[0].counts.canary
    assert (counted.requests, counted.judged) == (40 * 61, 40 * 61)


def test_a_gateway_that_cannot_be_read_for_five_minutes_ends_it() -> None:
    site = Site()
    site.minutes(10)
    for _ in range(6):
        site.state = step(site.state, POLICY, lost_errors(site.reading()), site.now)
    assert site.state.ended == "rolled back"
    assert "could not be read" in site.state.why


def test_who_does_not_tick_for_five_minutes_is_set_to_nothing() -> None:
    site = Site()
    state = site.minutes(10)
    assert not overdue(state, site.now + timedelta(minutes=5))
    assert overdue(state, site.now + timedelta(minutes=5, seconds=1))
    assert overdue(state, site.now - timedelta(hours=1))  # the clock was set back
    assert rolled_back_if_overdue(state, site.now + timedelta(minutes=5)) == state
    site.now += timedelta(minutes=9)
    let_go = rolled_back_if_overdue(state, site.now)
    late = site.minute()
    for ended in (let_go, late):
        assert (ended.ended, share(ended)) == ("rolled back", 0)
        assert "nobody watched" in ended.why
    assert not overdue(late, site.now + timedelta(hours=9))


def test_what_ended_stays_ended() -> None:
    site = Site()
    site.minutes(10)
    ended = abort(site.state, site.now, "somebody said so")
    assert (ended.ended, ended.why, share(ended)) == ("aborted", "somebody said so", 0)
    site.state = ended
    assert site.minutes(30) == ended
    assert abort(ended, site.now, "again") == ended


def test_a_reason_from_outside_stops_it() -> None:
    site = Site()
    site.minutes(10)
    reading = site.reading().model_copy(update={"stop": "the alert ErrorBudgetBurn fires"})
    assert step(site.state, POLICY, reading, site.now).why == "the alert ErrorBudgetBurn fires"


def test_a_policy_that_lost_the_phase_it_is_in_ends_it() -> None:
    site = Site()
    site.minutes(62)
    site.policy = CanaryPolicy.model_validate({"phases": [{"share": 100, "minutes": 1}]})
    assert "fewer phases" in site.minute().why


def test_it_takes_no_traffic_before_it_is_well_and_gives_up_in_the_end() -> None:
    site = Site()
    site.healthy = False
    assert share(site.minutes(29)) == 0
    assert site.state.ended is None
    assert site.minutes(3).ended == "rolled back"
    assert "not ready" in site.state.why


def test_compressed_minutes_keep_every_least_count() -> None:
    fast = CanaryPolicy(fast=60)
    busy, quiet = Site(20_000, fast), Site(400, fast)
    assert busy.minutes(8).ended == "promoted"
    assert share(quiet.minutes(40)) == 5  # 20 a minute: 780 of the 800 that are needed
    assert share(quiet.minutes(2)) == 25
    while share(quiet.minute()) < 100:
        assert quiet.now < START + timedelta(hours=2)
    assert quiet.minute().ended is None  # 400 of 800 in the last phase
    assert quiet.minute().ended == "promoted"


def test_the_champion_beside_itself_is_refused() -> None:
    with pytest.raises(InputError, match="champion's bytes already"):
        begin("desk", Version(version=3, digest=OLD.digest), OLD, START)


def test_what_is_held_stays_where_it_is_and_goes_on_afterwards() -> None:
    site = Site()
    held = site.reading()
    site.state = step(
        site.state, POLICY, held.model_copy(update={"hold": "a budget burns"}), site.now
    )
    assert (site.state.phase, site.state.weights.canary) == (-1, 0)
    assert site.minute().weights.canary == 5
    for _ in range(90):
        reading = site.reading().model_copy(update={"hold": "a budget burns"})
        site.state = step(site.state, POLICY, reading, site.now)
    assert (site.state.phase, site.state.ended) == (0, None)
    assert {verdict.verdict for verdict in site.state.verdicts} == {"pass"}
    assert site.minute().phase == 1
