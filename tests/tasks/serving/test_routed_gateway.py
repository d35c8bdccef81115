"""A real Envoy between a champion's engine and a small one, with a real door that decides."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flows.serving.router_door import RouterDoor
from tasks.models.encoding import Encoder
from tasks.routing.deciding import Decider
from tasks.routing.seen import Seen
from tasks.serving.gateway import arms
from tasks.serving.gateway.filters import ROUTER_DOOR, SIZE
from tests.tasks.routing.length_router import HELD, length_router
from tests.tasks.serving.conftest import RunningGateway
from tests.tasks.serving.stub_engine import StubEngine

pytestmark = pytest.mark.timeout(120)
SHORT, LONG = "Where is my parcel?", "Please tell me in full why " + "and how " * 30
TIMEOUT_MS = 400  # of a machine that other tests use; 50 is the default


@pytest.fixture(scope="module")
def decider() -> Decider:
    encoder = Encoder()
    return Decider(length_router(encoder), encoder, wait_seconds=1.0)


class Routing:
    """The gateway, both engines and the door."""

    def __init__(
        self, running: RunningGateway, make: Callable[[str], StubEngine], decider: Decider
    ) -> None:
        self.running = running
        self.large, self.small = make("desk/1"), make("desk/1-q4_0")
        running.point("stable", self.large)
        running.point(arms.SMALL_ENGINES, self.small)
        seen = Seen(name="desk-router", version=1, digest="d", expected=HELD)
        self.door = RouterDoor(running.folder / f"{ROUTER_DOOR}.sock", decider, seen, 1.0)
        threading.Thread(target=self.door.serve_forever, args=(0.05,), daemon=True).start()
        running.wait(lambda: running.healthy("stable", self.large))
        running.wait(lambda: running.healthy(arms.SMALL_ENGINES, self.small))
        running.wait(lambda: running.client.get("/health").is_success)

    def by(self, text: str, **headers: str) -> str:
        reply = self.running.ask(text, **headers)
        assert reply.status_code == 200, reply.text
        return reply.json()["model"]

    def logged(self, count: int) -> list[dict[str, str]]:
        """Return where the first requests went, and whose engine answered, by the access log."""

        def lines() -> list[str]:
            return (self.running.folder / "access.jsonl").read_text().splitlines()[:count]

        found = self.running.wait(lambda: len(told := lines()) == count and told)
        return [{name: json.loads(one)[name] for name in ("arm", "engine")} for one in found]

    def end_door(self) -> None:
        self.door.shutdown()
        self.door.server_close()
        (self.running.folder / f"{ROUTER_DOOR}.sock").unlink(missing_ok=True)


@pytest.fixture
def routing(
    start_gateway: Callable[..., RunningGateway],
    make_engine: Callable[[str], StubEngine],
    decider: Decider,
) -> Iterator[Callable[..., Routing]]:
    made: list[Routing] = []

    def start(**more: Any) -> Routing:
        running = start_gateway(
            log={"keep": True},
            router={"name": "desk-router", "timeout_ms": TIMEOUT_MS},
            **more,
        )
        made.append(Routing(running, make_engine, decider))
        return made[-1]

    yield start
    for one in made:
        one.end_door()


def test_requests_go_where_the_door_says_and_never_where_a_client_says(
    routing: Callable[..., Routing],
) -> None:
    all_of_it = routing()
    for _ in range(10):
        assert all_of_it.by(SHORT) == "desk/1-q4_0"
        assert all_of_it.by(LONG) == "desk/1"
        assert all_of_it.by(LONG, **{SIZE.replace("-", "_"): "small"}) == "desk/1"
    assert all_of_it.by(SHORT, **{SIZE.replace("-", "_"): "large"}) == "desk/1-q4_0"
    day = all_of_it.door.seen.together()
    assert (day.decided, day.small) == (31, 11)
    body = {"prompt": SHORT}
    completed = all_of_it.running.client.post("/v1/completions", json=body)
    assert completed.json()["model"] == "desk/1"  # no chat: nothing of that kind was judged
    assert all_of_it.door.seen.together() == day
    tools = {"messages": [{"role": "user", "content": SHORT}], "tools": [{"type": "function"}]}
    said = all_of_it.running.client.post("/v1/chat/completions", json=tools)
    assert said.json()["model"] == "desk/1"
    assert all_of_it.door.seen.together().unread == 1


def test_without_the_door_or_the_small_engine_the_champion_answers(
    routing: Callable[..., Routing],
    monkeypatch: pytest.MonkeyPatch,
    decider: Decider,
    capfd: pytest.CaptureFixture[str],
) -> None:
    all_of_it = routing()
    assert all_of_it.by(SHORT) == "desk/1-q4_0"
    all_of_it.small.healthy = False
    all_of_it.running.wait(
        lambda: not all_of_it.running.healthy(arms.SMALL_ENGINES, all_of_it.small)
    )
    assert {all_of_it.by(SHORT) for _ in range(5)} == {"desk/1"}
    gone_on = {"arm": arms.SMALL, "engine": "stable"}
    assert all_of_it.logged(6)[1:] == [gone_on] * 5
    all_of_it.small.healthy = True
    all_of_it.running.wait(lambda: all_of_it.by(SHORT) == "desk/1-q4_0")

    def fail(body: bytes) -> Any:
        raise RuntimeError(body.decode())

    monkeypatch.setattr(decider, "decide", fail)
    assert {all_of_it.by(SHORT) for _ in range(5)} == {"desk/1"}
    all_of_it.end_door()
    assert {all_of_it.by(SHORT) for _ in range(5)} == {"desk/1"}
    stats = all_of_it.running.admin.get("/stats?filter=failure_mode_allowed").text
    assert "ext_authz.router.failure_mode_allowed: 10" in stats
    said = capfd.readouterr()
    assert "ERROR RuntimeError while answering" in said.out
    assert SHORT not in said.out + said.err


def test_a_door_that_is_slow_holds_nobody_up(
    routing: Callable[..., Routing], monkeypatch: pytest.MonkeyPatch, decider: Decider
) -> None:
    all_of_it = routing()
    decide = decider.decide

    def slowly(body: bytes) -> Any:
        time.sleep(3 * TIMEOUT_MS / 1000)
        return decide(body)

    monkeypatch.setattr(decider, "decide", slowly)
    began = time.monotonic()
    assert all_of_it.by(SHORT) == "desk/1"
    assert time.monotonic() - began < 2.5 * TIMEOUT_MS / 1000


def test_a_tenant_with_a_cap_is_refused_before_anything_is_routed(
    routing: Callable[..., Routing],
) -> None:
    all_of_it = routing(tenants={"acme": {"tokens_per_day": 100}})
    reply: httpx.Response = all_of_it.running.ask(SHORT, x_tenant="acme")
    assert reply.status_code == 503  # the door of the caps is not there, and it fails closed
    assert "tokens cannot be reserved" in reply.json()["error"]["message"]
    assert all_of_it.door.seen.together().decided == 0
    assert all_of_it.by(SHORT) == "desk/1-q4_0"
