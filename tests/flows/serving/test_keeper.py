"""Who takes over when, with engines that start or do not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.serving import keeper as module
from flows.serving.champion import Release
from flows.serving.keeper import AGAIN_SECONDS, Keeper
from flows.serving.places import Places
from tasks.serving.specification import Specification

BROKEN = {2}


def release(version: int) -> Release:
    return Release(version=version, digest=str(version), model=Path("m"), name=f"desk/{version}")


class Engines:
    """Engines that are ready at once; those of a broken version end."""

    made: list[Engines]

    def __init__(self, wanted: Release, *_: object, began: float) -> None:
        self.release, self.began = wanted, began
        self.ports, self.parts = (wanted.version,), [SimpleNamespace(place="its log")]
        self.announced = self.seen_well = self.stopped = False
        self.made.append(self)

    def look(self, *_: object) -> bool:
        return self.release.version not in BROKEN

    def is_ready(self) -> bool:
        return True

    def frozen(self, *_: object) -> list[Any]:
        return []

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(Engines, "made", [], raising=False)
    monkeypatch.setattr(module, "EngineSet", Engines)
    monkeypatch.setattr(module, "healthy", lambda *_: {1, 2, 3})  # pyright: ignore
    places = Places(tmp_path, "desk")
    places.run = tmp_path / "run"
    places.make()
    follower: Any = SimpleNamespace(latest=release(1))
    keeper = Keeper(Specification(name="desk"), places, follower)
    keeper.parts = []
    said: list[str] = []
    keeper.say = lambda line, *_: said.append(str(line))  # pyright: ignore
    return keeper


def serving(keeper: Keeper) -> int | None:
    return keeper.serving and keeper.serving.release.version


def looked(keeper: Keeper, begin: int, seconds: int) -> bool:
    return all([keeper.look(float(now)) for now in range(begin, begin + seconds)])


def test_a_first_version_that_does_not_start_ends_it(keep: Keeper) -> None:
    keep.follower.latest = release(2)
    assert not keep.look(1.0)


def test_one_that_does_not_start_later_changes_nothing_and_is_tried_again(keep: Keeper) -> None:
    assert looked(keep, 1, 5)
    assert serving(keep) == 1
    keep.follower.latest = release(2)
    assert looked(keep, 10, 100)
    assert serving(keep) == 1
    assert [one.release.version for one in Engines.made] == [1, 2]
    assert looked(keep, 111 + int(AGAIN_SECONDS), 1)
    assert [one.release.version for one in Engines.made] == [1, 2, 2]
    keep.follower.latest = release(3)
    assert looked(keep, 500, 5)
    assert serving(keep) == 3
    assert not Engines.made[0].stopped  # what is under way there ends first
    assert looked(keep, 700, 1)
    assert Engines.made[0].stopped


def test_after_a_retirement_one_that_does_not_start_leaves_it_waiting(keep: Keeper) -> None:
    assert looked(keep, 1, 5)
    keep.follower.latest = None
    assert looked(keep, 10, 2)
    assert serving(keep) is None
    assert not keep.places.state.exists()
    keep.follower.latest = release(2)
    assert looked(keep, 20, 10)
    assert serving(keep) is None
    keep.follower.latest = release(3)
    assert looked(keep, 40, 5)
    assert serving(keep) == 3


def test_one_that_is_back_before_the_other_came_goes_on(keep: Keeper) -> None:
    assert looked(keep, 1, 5)
    keep.follower.latest = release(3)
    assert keep.look(10.0)
    keep.follower.latest = release(1)
    assert looked(keep, 11, 5)
    assert serving(keep) == 1
    assert Engines.made[1].stopped
