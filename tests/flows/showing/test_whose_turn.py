"""Runs wait for their turn on a real Prefect server, and say for whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Pending

from flows.showing import turns
from flows.showing.turns import WAITING, turn
from flows.workshop.settings import Settings


@pytest.fixture(scope="module")
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def settings(client: SyncPrefectClient) -> Settings:
    return Settings(prefect_api_url=str(client.api_url))


class Held:
    """A run that has its turn until it is told to end."""

    def __init__(self, settings: Settings, kind: str, model: str, name: str) -> None:
        self.told, self.end, self.busy = threading.Event(), threading.Event(), ""

        @flow(name=kind, flow_run_name=name)
        def run() -> None:
            with turn(settings, model) as self.busy:
                self.told.set()
                self.end.wait(60)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def ended(self) -> bool:
        self.end.set()
        self.thread.join(60)
        return not self.thread.is_alive()


def _state(client: SyncPrefectClient, name: str) -> Any:
    named = [one.state for one in client.read_flow_runs(limit=50) if one.name == name]
    return named[0] if named else Pending()


def _until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_another_model_waits_for_the_machine_and_says_who_has_it(
    client: SyncPrefectClient, settings: Settings
) -> None:
    first = Held(settings, "retrain", "one", "one retrain now")
    assert first.told.wait(60)
    second = Held(settings, "evaluate", "", "two evaluate now")
    _until(lambda: _state(client, "two evaluate now").name == WAITING)
    said = _state(client, "two evaluate now").message
    assert said.startswith("for one retrain now, since ") and said.endswith("UTC")
    assert not second.told.is_set()
    assert first.ended()
    assert second.told.wait(60)
    assert _state(client, "two evaluate now").name == "Running"
    assert second.ended() and second.busy == ""
    assert _state(client, "two evaluate now").is_completed()


def test_what_a_schedule_starts_of_a_model_under_way_ends_at_once(
    client: SyncPrefectClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Held(settings, "retrain", "three", "three retrain now")
    assert first.told.wait(60)
    monkeypatch.setattr(turns, "is_scheduled", lambda: True)
    again = Held(settings, "retrain", "three", "three retrain later")
    assert again.told.wait(60)
    assert again.busy.startswith("Not started: three is being retrained already (three retrain now")
    other = Held(settings, "retrain", "four", "four retrain now")  # waits for the machine alone
    _until(lambda: _state(client, "four retrain now").name == WAITING)
    assert first.ended() and again.ended()
    assert other.told.wait(60)
    assert other.busy == "" and other.ended()


def test_without_a_server_there_is_nobody_to_wait_for() -> None:
    with turn(Settings(prefect_api_url=""), "desk") as busy:
        assert busy == ""


def test_a_slot_that_people_made_larger_stays(
    client: SyncPrefectClient, settings: Settings
) -> None:
    held = Held(settings, "retrain", "five", "five retrain now")
    assert held.told.wait(60)
    (machine,) = [
        one.name
        for one in client.read_global_concurrency_limits()
        if one.name.startswith("machine-")
    ]
    client.upsert_global_concurrency_limit_by_name(machine, 2)
    beside = Held(settings, "finetune", "", "six finetune now")
    assert beside.told.wait(60)
    assert client.read_global_concurrency_limit_by_name(machine).limit == 2
    assert held.ended() and beside.ended()
