"""What is served follows the ledger; weights are read only where it says something new."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import PaddockError
from flows.serving import champion
from flows.serving.champion import Follower, ready_to_serve
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.serving.specification import Specification
from tests.flows.serving.conftest import NAME, Desk


def wait_until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


SPECIFICATION = Specification(name=NAME)


def test_a_champion_is_followed_and_read_once(
    make_desk: Callable[[Path], Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(tmp_path / "home")
    desk.release("a")
    workshop, folder = Workshop(Settings(home=desk.home)), tmp_path / "serving"
    read: list[int] = []
    refused: list[PaddockError] = []

    def ready(*given: Any) -> Any:
        if refused:
            raise refused[0]
        found = ready_to_serve(*given)
        read.append(found.version)
        return found

    monkeypatch.setattr(champion, "ready_to_serve", ready)
    monkeypatch.setattr(champion, "SECONDS", 0.05)
    monkeypatch.setattr(champion, "KEPT", 2)
    looks: list[str] = []
    resolve = champion.resolve

    def looked(registry: Any, address: str) -> Any:
        looks.append(address)
        return resolve(registry, address)

    monkeypatch.setattr(champion, "resolve", looked)
    said: list[str] = []
    first = ready(workshop, SPECIFICATION, folder, said.append)
    follower = Follower(workshop, SPECIFICATION, folder, first, said.append)
    wait_until(lambda: len(looks) > 5)
    assert (follower.latest, read) == (first, [1])
    refused.append(PaddockError("no room", step="export"))
    desk.release("b")
    wait_until(lambda: len(said) == 1)
    assert "what serves goes on" in said[0]
    assert follower.latest == first
    refused.clear()
    wait_until(lambda: follower.latest and follower.latest.version == 2)
    desk.release("c")
    wait_until(lambda: follower.latest and follower.latest.version == 3)
    assert read == [1, 2, 3]
    wait_until(lambda: not first.model.exists())
    assert len(list((folder / "models").iterdir())) == 2
    desk.retire()
    wait_until(lambda: follower.latest is None)
    assert "nothing is served any more" in said[-1]
