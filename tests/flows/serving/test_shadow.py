"""Recorded requests fill what a canary lacks, apart from its users, and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes
from flows.serving.beside import Fares
from flows.serving.canary_start import _shadowed  # pyright: ignore[reportPrivateUsage]
from flows.serving.places import Places, put
from flows.serving.shadow import Shadow
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.canary.arms import Arms, Counts, Reading, Scraped
from tasks.canary.phases import State, Version, begin, step
from tasks.canary.policy import CanaryPolicy
from tasks.canary.words import side_by_side
from tasks.serving.specification import Specification
from tests.tasks.serving.stub_engine import StubEngine
from tests.waiting import until

NAME, NOW = "desk", datetime.now(UTC)
LIMITS = {"least": 40, "margin": 0.2, "tolerated": 0.05, "against": "champion"}
POLICY = CanaryPolicy.model_validate(
    {
        "metrics": ["errors", "truncated", "latency"],
        "shadow": True,
        "tick_seconds": 1,
        "errors": LIMITS,
        "truncated": LIMITS,
        "latency": {"least": 20, "margin": 3.0, "tolerated": 1.0},
        "phases": [{"share": 50, "minutes": 1}, {"share": 100, "minutes": 1}],
    }
)


@pytest.fixture
def engines() -> Iterator[Callable[[str], StubEngine]]:
    made: list[StubEngine] = []

    def make(name: str) -> StubEngine:
        made.append(StubEngine(name))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A home whose log holds 60 requests, 50 different ones that may be asked again."""
    workshop = Workshop(Settings(home=tmp_path / "home"))
    rows = [
        LogRow(
            id=f"r{n}",
            time=NOW - timedelta(hours=2),
            model=f"{NAME}/1",
            prompt=f"Question {n % 55}?",
            answer="" if n % 11 == 0 else "Yes.",
        )
        for n in range(60)
    ]
    hour = NOW - timedelta(hours=2)
    workshop.store.write(f"inference/{NAME}/{hour:%Y-%m-%dT%H}.jsonl", log_bytes(rows))
    return workshop


def running(counts: Arms | None = None) -> State:
    one, other = Version(version=2, digest="b" * 64), Version(version=1, digest="a" * 64)
    state = begin(NAME, one, other, NOW)
    return state.model_copy(update={"phase": 0, "counts": counts or Arms()})


def shadow(workshop: Workshop, champion: StubEngine) -> Shadow:
    places = Places(workshop.settings.home, NAME)
    places.folder.mkdir(parents=True)
    put(places.state, {"engines": [champion.port], "served_as": champion.name})
    return Shadow(workshop, places, NAME, Specification(name=NAME))


def test_both_are_asked_until_there_is_enough_and_no_further(
    workshop: Workshop, engines: Callable[[str], StubEngine]
) -> None:
    champion, canary = engines(f"{NAME}/1"), engines(f"{NAME}/bbbb")
    canary.fails, canary.finish = 5, "length"
    asking = shadow(workshop, champion)
    fares = Fares(digest="b" * 64, ready=True, ports=(canary.port,))
    users = Counts(requests=10)
    state = running(Arms(canary=users, stable=Counts(requests=500)))
    assert asking.told(state, POLICY, None) == Arms()  # no engine is ready
    assert not champion.asked

    def looked() -> int:
        nonlocal state
        told = asking.told(state, POLICY, fares)
        state = state.model_copy(update={"shadow": told})
        return told.canary.requests

    until(lambda: looked() >= 30)
    many = looked()
    told = asking.told(state, POLICY, fares)
    assert told.baseline.requests == told.canary.requests == many
    assert 30 <= many <= 55
    assert told.canary.errors == many // 5
    assert told.canary.truncated == many - many // 5
    assert (told.baseline.errors, told.baseline.truncated) == (0, 0)
    assert told.canary.latency == ()
    asked = [json.loads(one["body"]) for one in canary.asked]
    texts = [one["messages"][0]["content"] for one in asked]
    assert len(set(texts)) == len(texts)  # each once
    assert {one["temperature"] for one in asked} == {0}
    page = side_by_side(state, POLICY)
    assert "## Recorded requests, asked again: no user's" in page


def test_what_runs_out_stays_not_enough_and_another_run_goes_on_behind_it(
    workshop: Workshop, engines: Callable[[str], StubEngine]
) -> None:
    champion, canary = engines(f"{NAME}/1"), engines(f"{NAME}/bbbb")
    asking = shadow(workshop, champion)
    fares = Fares(digest="b" * 64, ready=True, ports=(canary.port,))
    before = Counts(requests=45)
    state = running().model_copy(update={"shadow": Arms(baseline=before, canary=before)})
    policy = POLICY.model_copy(
        update={"errors": POLICY.errors and POLICY.errors.model_copy(update={"least": 400})}
    )
    until(lambda: asking.told(state, policy, fares).canary.requests == 50)
    assert len(canary.asked) == 5


def reading(now: datetime, n: int, told: Arms | None, **more: Any) -> Reading:
    """Return a scrape of so many requests of canary and champion, each of 40 ms."""
    arm = Scraped(requests=n, errors=0, truncated=0, latency=(n, n), judged=0, refused=0)
    arm = arm.model_copy(update={"hallucinated": 0})
    arms: dict[str, Any] = {"baseline": arm, "stable": arm, "canary": arm}
    return Reading(at=now, healthy=True, edges=(50.0,), gateway="g", shadow=told, **arms, **more)


@pytest.mark.parametrize(
    ("policy", "passes"), [(POLICY, True), (POLICY.model_copy(update={"shadow": False}), False)]
)
def test_recorded_answers_count_for_what_answers_say_and_never_for_waits(
    policy: CanaryPolicy, *, passes: bool
) -> None:
    slow = Counts(requests=60, latency=(0, 60))
    told = Arms(baseline=slow, canary=slow)
    state = begin(NAME, Version(version=2, digest="b"), Version(version=1, digest="a"), NOW)
    for minute in range(1, 4):
        state = step(
            state,
            policy,
            reading(NOW + timedelta(minutes=minute), 15 * minute, told),
            NOW + timedelta(minutes=minute),
        )
    said = {one.metric: one for one in (state.verdicts or state.done[-1].verdicts)}
    assert said["latency"].n <= 30  # the users' alone
    assert (said["errors"].n > 60) is passes  # 60 recorded ones beside them
    assert (said["errors"].verdict == "pass") is passes
    assert state.counts.canary.requests <= 30  # counted apart
    assert (state.phase == 1) is passes
    assert state.shadow.canary.latency == ()


def test_a_recorded_failure_speaks_against_a_version_but_fires_no_stop() -> None:
    bad = Arms(baseline=Counts(requests=60), canary=Counts(requests=60, errors=60))
    state = begin(NAME, Version(version=2, digest="b"), Version(version=1, digest="a"), NOW)
    at = [NOW + timedelta(minutes=minute) for minute in range(1, 5)]
    state = step(state, POLICY, reading(at[0], 0, bad), at[0])
    state = step(
        state, POLICY, reading(at[0] + timedelta(seconds=30), 5, bad), at[0] + timedelta(seconds=30)
    )
    assert state.ended is None
    state = step(state, POLICY, reading(at[2], 25, bad), at[2])
    assert state.ended == "rolled back"
    assert state.why.startswith("errors: ")


def test_without_recorded_requests_it_is_refused() -> None:
    quiet = Specification.model_validate({"name": NAME, "log": {"keep": False}})
    with pytest.raises(InputError, match="no log is kept"):
        _shadowed(quiet, POLICY)
    cluster = Specification.model_validate({"name": NAME, "cluster": {"route": {}}})
    with pytest.raises(InputError, match="on a cluster"):
        _shadowed(cluster, POLICY)
    assert _shadowed(Specification(name=NAME), CanaryPolicy()).shadow
