"""Who takes a canary's traffic away when nobody else does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.serving import beside as module
from flows.serving.beside import ILL_LOOKS, Beside, Fares, Wanted
from flows.serving.champion import Release
from flows.serving.places import Places, put
from tasks.canary.phases import SILENT
from tasks.serving.gateway.arms import WEIGHTS
from tasks.serving.specification import Specification

MINE = Release(version=2, digest="b" * 64, model=Path("m"), name="desk/bbbb")


class Engines:
    """Engines that are ready at once, and run until a test ends them."""

    def __init__(self, release: Release, *_: object, began: float, kind: str) -> None:
        assert kind == "canary"
        self.release, self.began, self.ports = release, began, (7,)
        self.parts = [SimpleNamespace(process=object())]
        self.stopped = False

    def look(self, *_: object) -> bool:
        return True

    def is_ready(self) -> bool:
        return True

    def stop(self) -> None:
        self.stopped = True


class Gateway:
    """What the gateway sees of the canary's engines."""

    def __init__(self) -> None:
        self.well: set[int] | None = {7}


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    seen = Gateway()
    monkeypatch.setattr(module, "EngineSet", Engines)
    monkeypatch.setattr(module, "healthy", lambda *_: seen.well)  # pyright: ignore
    return seen


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path, "desk")
    places.run = tmp_path / "run"
    places.make()
    return places


@pytest.fixture
def stands(places: Places, gateway: Gateway) -> Beside:
    """A canary that gets its half."""
    beside = Beside(Specification(name="desk"), places, lambda _: None)
    want(places)
    looks(beside, 0, 4)
    assert canary_share(places) == 5000
    assert fares(places).ready
    return beside


def want(places: Places, ago: timedelta = timedelta(0)) -> None:
    wanted = Wanted(release=MINE, baseline=5000, canary=5000, tick=datetime.now(UTC) - ago)
    put(places.wanted_canary, json.loads(wanted.model_dump_json()))


def looks(beside: Beside, begin: int, many: int, champion: str = "a" * 64) -> None:
    for now in range(begin, begin + many):
        beside.look(float(now), champion, "gateway 1")


def canary_share(places: Places) -> int:
    [layer] = json.loads((places.run / WEIGHTS).read_text())["resources"]
    return layer["layer"]["paddock.arms.canary"]


def fares(places: Places) -> Fares:
    return Fares.model_validate_json(places.seen_canary.read_bytes())


def test_it_gets_nothing_before_the_gateway_sees_it_well(places: Places, gateway: Gateway) -> None:
    gateway.well = set()
    beside = Beside(Specification(name="desk"), places, lambda _: None)
    want(places)
    looks(beside, 0, 20)
    assert canary_share(places) == 0
    assert not fares(places).ready
    gateway.well = {7}
    looks(beside, 20, 2)
    assert canary_share(places) == 5000


def test_where_nobody_ticks_any_more_it_gets_nothing(stands: Beside, places: Places) -> None:
    want(places, SILENT + timedelta(seconds=1))
    looks(stands, 4, 1)
    assert canary_share(places) == 0
    assert not places.seen_canary.exists()
    assert stands.engines is None


def test_a_clock_that_was_set_back_is_nobody_who_ticks(stands: Beside, places: Places) -> None:
    want(places, -SILENT - timedelta(seconds=9))
    looks(stands, 4, 1)
    assert canary_share(places) == 0


def test_an_engine_that_ended_is_given_up_at_the_next_look(stands: Beside, places: Places) -> None:
    engines: Any = stands.engines
    engines.parts[0].process = None
    looks(stands, 4, 1)
    assert canary_share(places) == 0
    assert "ended" in fares(places).why
    assert engines.stopped
    engines.parts[0].process = object()
    looks(stands, 5, 9)
    assert canary_share(places) == 0  # a canary's engine is not started again


def test_one_that_lives_and_answers_nothing_is_given_up(
    stands: Beside, places: Places, gateway: Gateway
) -> None:
    gateway.well = set()
    looks(stands, 4, ILL_LOOKS - 1)
    assert canary_share(places) == 5000
    looks(stands, 4 + ILL_LOOKS, 1)
    assert canary_share(places) == 0
    assert "answers nothing" in fares(places).why


def test_a_gateway_that_is_away_says_nothing_of_the_engines(
    stands: Beside, places: Places, gateway: Gateway
) -> None:
    gateway.well = None
    looks(stands, 4, 20)
    assert fares(places).ready


@pytest.mark.parametrize("left", [b"", b"{", b'{"release": null}'])
def test_what_no_tick_wrote_wants_nothing(stands: Beside, places: Places, left: bytes) -> None:
    places.wanted_canary.write_bytes(left)
    looks(stands, 4, 1)
    assert canary_share(places) == 0
    assert not places.seen_canary.exists()


def test_once_it_is_the_champion_it_stands_beside_nothing(stands: Beside, places: Places) -> None:
    engines: Any = stands.engines
    looks(stands, 4, 1, MINE.digest)
    assert canary_share(places) == 0
    assert not engines.stopped  # what is under way there ends first
    looks(stands, 200, 1, MINE.digest)
    assert engines.stopped
