"""What the keeper makes of a wanted chaos, and that it ends it whatever the clock says."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from flows.serving.chaos import Chaos, ChaosWatch, Hit, require_calm
from flows.serving.chaos_run import Counting, words
from flows.serving.places import Places, put
from tasks.serving.gateway.counted import EDGES_MS
from tasks.serving.gateway.faults import FAULTS, faults
from tasks.slo.objectives import Promises


class Struck:
    """A part that remembers what it was sent."""

    def __init__(self, name: str) -> None:
        self.name, self.sent = name, list[int]()

    def signal(self, number: int) -> None:
        self.sent.append(number)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path, "desk")
    places.run = tmp_path / "run"
    places.make()
    return places


def want(places: Places, **more: Any) -> Chaos:
    wanted = Chaos(began=datetime.now(UTC), seconds=10, **more)
    put(places.chaos, json.loads(wanted.model_dump_json()))
    return wanted


def layer(places: Places) -> dict[str, Any]:
    [resource] = json.loads((places.run / FAULTS).read_text())["resources"]
    return resource["layer"]


def test_it_ends_by_a_clock_that_nobody_sets(places: Places) -> None:
    said: list[str] = []
    want(places, abort=90)
    watch = ChaosWatch(places, said.append)  # what a killed serving left begins nothing
    assert not places.chaos.exists()
    want(places, abort=30)
    engine, gateway = Struck("e"), Struck("g")
    watch.look(100.0, [engine], gateway)
    share = {"numerator": 3000, "denominator": "TEN_THOUSAND"}
    assert layer(places) == {"paddock.chaos.abort": share}
    watch.look(109.9, [engine], gateway)
    assert layer(places)
    with pytest.raises(InputError, match="30 % of the requests made to fail"):
        require_calm(places, "desk", "canary")
    watch.look(110.0, [engine], gateway)
    assert layer(places) == {}
    assert not places.chaos.exists()
    require_calm(places, "desk", "canary")
    assert len(said) == 2
    assert engine.sent == gateway.sent == []


def test_a_person_who_takes_it_back_ends_it_at_once(places: Places) -> None:
    watch = ChaosWatch(places, lambda _: None)
    want(places, delayed=50, delay_ms=200)
    watch.look(0.0, [], Struck("g"))
    assert layer(places)["paddock.chaos.delay_ms"] == 200
    places.chaos.unlink()
    watch.look(0.2, [], Struck("g"))
    assert layer(places) == {}


@pytest.mark.parametrize(
    ("hit", "engine", "gateway"),
    [
        ("engine-killed", [signal.SIGKILL], []),
        ("engine-frozen", [signal.SIGSTOP], []),
        ("gateway-killed", [], [signal.SIGKILL]),
    ],
)
def test_one_part_is_hit_once(
    places: Places, hit: Hit, engine: list[int], gateway: list[int]
) -> None:
    parts = [Struck("1"), Struck("2")]
    front = Struck("g")
    watch = ChaosWatch(places, lambda _: None)
    want(places, hit=hit)
    for now in (0.0, 1.0, 2.0):
        watch.look(now, parts, front)
    assert [part.sent for part in parts] == [engine, []]
    assert front.sent == gateway


def page(good: int, failed: int) -> str:
    """Return a gateway's page on which every good answer took 40 ms."""
    lines = [f'envoy_paddock_requests{{arm="stable",code="200"}} {good}']
    lines += [f'envoy_paddock_requests{{arm="stable",code="503"}} {failed}']
    name = 'envoy_paddock_duration_ms_bucket{arm="stable",code="200",le='
    lines += [f'{name}"{edge}"}} {good if edge >= 40 else 0}' for edge in EDGES_MS]
    return "\n".join([*lines, f'{name}"+Inf"}} {good}', ""])


def test_a_gateway_that_starts_again_is_counted_on() -> None:
    counting = Counting(Promises())
    for seen in (page(1_000, 7), page(1_060, 27), page(10, 2), page(40, 8)):
        counting.add(seen)
    assert (counting.count("requests"), counting.count("errors")) == (128, 28)
    said = words(counting, Chaos(began=datetime.now(UTC), seconds=1, abort=25))
    assert "128 requests, 28 failed (success 78.12%)" in said
    assert "success: 28 of 128 failed" in said
    assert "MISSED meanwhile" in said
    assert "latency: 0 of 100 slower than its limit (0.00%; 0.05 may be): kept" in said


def test_where_nobody_asked_nothing_is_said_to_be_good() -> None:
    counting = Counting(Promises())
    counting.add(page(5, 0))
    counting.add(page(5, 0))
    nothing = Chaos(began=datetime.now(UTC) - timedelta(hours=1), seconds=1, abort=25)
    assert words(counting, nothing).startswith("Nobody asked anything meanwhile")


@pytest.mark.parametrize("given", [{"abort": 101}, {"delayed": -1}, {"delay_ms": -1}])
def test_faults_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="percent"):
        faults(**given)
