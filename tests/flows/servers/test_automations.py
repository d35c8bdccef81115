"""Automations on a real Prefect server: people hear, once, of failed nights and of late runs."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.servers.automations import make_automations
from tests.flows.living.watched import Servers
from tests.waiting import free_port

BLOCK = "custom-webhook/on-call"
DEAD, FAILED, LATE = (
    "Crash runs whose heartbeats stopped",
    "Tell of a night that failed",
    "Tell of a run that is late",
)
HEARD = list[str]()


class _Ear(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        HEARD.append(json.loads(text)["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory,
    make_home: Callable[[Path], Path],
    home_environment: Callable[[Path], dict[str, str]],
) -> Iterator[str]:
    """A server with the services that watch events, and a block that leads to an ear."""
    home = make_home(tmp_path_factory.mktemp("automations") / "home")
    database = f"sqlite+aiosqlite:///{home}/prefect.db"
    port = str(free_port())
    api = f"http://127.0.0.1:{port}/api"
    elsewhere = {
        "PREFECT_API_URL": api,
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_HOME": str(home),
    }
    servers = Servers(home.parent, {**home_environment(home), **elsewhere})
    ear = ThreadingHTTPServer(("127.0.0.1", 0), _Ear)
    threading.Thread(target=ear.serve_forever, daemon=True).start()
    try:
        servers.start("prefect", sys.executable, "-m", "prefect", "server", "start", "--port", port)
        servers.wait("prefect", f"{api}/health")
        with temporary_settings({PREFECT_API_URL: api}):
            given = {"name": "on-call", "url": f"http://127.0.0.1:{ear.server_port}/"}
            said = {"json_data": {"text": "{{subject}} {{body}}"}}
            block = CustomWebhookNotificationBlock.model_validate(given | said)
            block.save("on-call", overwrite=True)
            yield api
    finally:
        servers.end()
        ear.shutdown()
        ear.server_close()


@pytest.fixture
def client(api: str) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        assert str(client.api_url).rstrip("/") == api
        yield client


def _names(client: SyncPrefectClient) -> set[str]:
    return {one.name for one in client.read_automations()}


def test_they_are_made_by_the_blocks_that_are_set_and_what_people_changed_stays(
    client: SyncPrefectClient,
) -> None:
    assert make_automations(client, []) == []
    assert make_automations(client, []) == []
    assert _names(client) == {DEAD}
    said = make_automations(client, ["slack-webhook/gone", BLOCK])
    assert said == [
        "slack-webhook/gone is no block of this Prefect server: no automation tells people by it",
        f"automation {FAILED}: made",
        f"automation {LATE}: made",
    ]
    assert make_automations(client, [BLOCK]) == []
    (late,) = client.read_automations_by_name(LATE)
    (dead,) = client.read_automations_by_name(DEAD)
    for one in (late, dead):
        client.pause_automation(one.id)  # as the switch on its page does
    kept = [f"automation {name}: stays as it was changed in Prefect" for name in (DEAD, LATE)]
    assert make_automations(client, [BLOCK]) == kept
    assert make_automations(client, []) == [
        kept[0],
        f"automation {FAILED}: taken away, since no block is set",
    ]
    assert _names(client) == {DEAD, LATE}
    client.delete_automation(late.id)
    assert make_automations(client, [BLOCK])[1:] == [
        f"automation {FAILED}: made",
        f"automation {LATE}: made",
    ]


def test_people_hear_of_a_failed_night_and_a_late_run_once_a_day_and_without_its_words(
    client: SyncPrefectClient,
) -> None:
    make_automations(client, [BLOCK])
    time.sleep(6)  # the server reads automations anew some seconds after they were made

    def post(place: str, body: dict[str, Any]) -> str:  # again, where the server is busy
        return client.request("POST", place, json=body).json().get("id", "")  # pyright: ignore

    flows = {name: post("/flows/", {"name": name}) for name in ("retrain", "promote")}
    desks = {
        name: post("/deployments/", {"name": "desk", "flow_id": flow})
        for name, flow in flows.items()
    }

    def ended(flow: str, state: dict[str, Any], *tags: str) -> None:
        body = {"flow_id": flows[flow], "deployment_id": desks[flow], "tags": list(tags)}
        run = post("/flow_runs/", {**body, "name": f"desk {flow}"})
        post(f"/flow_runs/{run}/set_state", {"state": state, "force": True})

    failed = {"type": "FAILED", "message": "a row of ada@example.org"}
    ended("retrain", failed)  # a person started it, and sees it
    ended("promote", failed, "auto-scheduled")  # which has an alert of its own
    ended("retrain", failed, "auto-scheduled")
    ended("retrain", {"type": "CRASHED"}, "auto-scheduled")
    due = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    late = {"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": due}}
    ended("promote", late, "auto-scheduled")
    end = time.monotonic() + 60
    while len(HEARD) < 2 and time.monotonic() < end:
        time.sleep(1)
    time.sleep(3)
    first, second = sorted(HEARD)
    assert first.startswith("desk: a scheduled retrain failed")
    assert "/runs/flow-run/" in first and "example.org" not in first
    assert second.startswith("desk: promote is late")
