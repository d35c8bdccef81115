"""Whatever the ticks bring, in any order: what must hold of every state."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.canary.arms import ARMS, Reading, Scraped
from tasks.canary.phases import State, Version, begin, step
from tasks.canary.policy import CanaryPolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
EDGES = (1000.0, 1100.0, 1210.0)
POLICY = CanaryPolicy(fast=60)
Tick = tuple[str, int, float]

ticks = st.lists(
    st.tuples(
        st.sampled_from(
            ["good"] * 12
            + ["no canary", "bad figure", "no judge", "unknown", "starts again", "dead"]
        ),
        st.sampled_from([0, 30, 4000]),  # requests a minute and arm
        st.sampled_from([0, 0, 0, 1, 1, 6, -30]),  # minutes to the next tick
    ),
    max_size=14,
)


def next_reading(sums: dict[str, list[int]], event: str, n: int, now: datetime) -> Reading:
    for name, figures in sums.items():
        if event == "starts again":
            figures[:2] = [0, 0]
        more = 0 if event == "no canary" and name == "canary" else n
        figures[:] = [figures[0] + more, figures[1] + more // 1000, figures[2] + more]
    arms: dict[str, Any] = {name: arm(*figures) for name, figures in sums.items()}
    if event == "bad figure":
        arms["canary"] = arms["canary"].model_copy(update={"errors": math.nan})
    if event == "no judge":
        arms["canary"] = arms["canary"].model_copy(update={"judged": None})
        arms["baseline"] = arms["baseline"].model_copy(update={"refused": math.inf})
    healthy = {"dead": False, "unknown": None}.get(event, True)
    return Reading(at=now, healthy=healthy, edges=EDGES, **arms)


def arm(n: int, errors: int, judged: int) -> Scraped:
    return Scraped(
        requests=n,
        errors=errors,
        truncated=0,
        latency=(n // 2, n // 2, n, n),
        judged=judged,
        hallucinated=judged // 50,
        refused=judged // 50,
    )


@settings(max_examples=120, deadline=None)
@given(ticks)
def test_whatever_ticks_bring_nothing_is_promoted_that_was_not_seen(drawn: list[Tick]) -> None:
    sums = {name: [0, 0, 0] for name in ARMS}
    now = START
    state = begin("desk", Version(version=2, digest="b"), Version(version=1, digest="a"), now)
    for event, n, minutes in drawn:
        now += timedelta(minutes=minutes)
        before = state
        reading = next_reading(sums, event, n if minutes else 0, now)
        state = step(before, POLICY, reading, now)
        assert step(state, POLICY, reading, now) == state
        assert State.model_validate_json(state.model_dump_json()) == state
        weights = state.weights
        assert weights.baseline + weights.stable + weights.canary == 100
        if before.ended:
            assert state == before
        grew = weights.canary > before.weights.canary or state.ended == "promoted"
        if grew:
            assert event in ("good", "starts again") or before.phase == -1
            assert reading.healthy is True
        if grew and before.phase >= 0:  # this tick saw requests reach it
            assert state.done[-1].counts.canary.requests > before.counts.canary.requests
        if event == "dead" and before.phase >= 0 and minutes and not before.ended:
            assert (state.ended, weights.canary) == ("rolled back", 0)
        if grew and before.phase in (0, 1, 2):
            assert {one.verdict for one in state.done[-1].verdicts} == {"pass"}
