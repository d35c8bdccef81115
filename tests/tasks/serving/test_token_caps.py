"""Caps on tokens: the arithmetic, and a real gateway that asks a real door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_contracts.errors import InputError
from flows.serving.token_door import Settlements, TokenDoor
from tasks.serving.gateway.filters import DOOR
from tasks.serving.specification import Specification, read_specification
from tasks.serving.spool import Spool
from tasks.serving.token_caps import SOON_SECONDS, TokenCaps, Used, most_tokens, used_on
from tests.tasks.serving.conftest import RunningGateway
from tests.tasks.serving.stub_engine import StubEngine

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CAP, TAKES = 1_000, 9  # the small engine's answers take 9 tokens
BODY = b'{"messages": [{"role": "user", "content": "How much is it?"}], "max_tokens": 40}'


@pytest.fixture
def caps(tmp_path: Path) -> Iterator[TokenCaps]:
    found = TokenCaps(tmp_path / "tokens.db", {"acme": CAP, "zoo": 50})
    yield found
    found.close()


def test_what_is_under_way_counts_until_it_is_settled(caps: TokenCaps, tmp_path: Path) -> None:
    assert caps.reserve("acme", "a", 700, NOON) is None
    assert caps.reserve("acme", "b", 700, NOON) is None  # there was room: above it by this one
    assert caps.reserve("acme", "c", 1, NOON) == SOON_SECONDS
    assert caps.reserve("zoo", "d", 1, NOON) is None  # one's tokens are not another's
    caps.settle([("a", 30), ("never seen", 500)])
    assert used_on(tmp_path / "tokens.db", NOON)["acme"] == Used(30, 700)
    assert caps.reserve("acme", "c", 1, NOON) is None
    caps.settle([("a", 9_999), ("b", None)])  # settled already; and one that nobody knows of
    assert used_on(tmp_path / "tokens.db", NOON)["acme"] == Used(730, 1)
    caps.settle([("c", 400)])
    wait = caps.reserve("acme", "e", 1, NOON)
    assert wait == timedelta(hours=12).total_seconds()
    assert caps.reserve("acme", "e", 1, NOON + timedelta(hours=12)) is None


def test_a_door_that_was_killed_forgets_nothing(tmp_path: Path) -> None:
    place = tmp_path / "tokens.db"
    first = TokenCaps(place, {"acme": CAP})
    first.reserve("acme", "a", 600, NOON)
    first.settle([("a", 500)])
    first.reserve("acme", "b", 600, NOON)
    again = TokenCaps(place, {"acme": CAP})  # the first one was never closed
    assert again.reserve("acme", "c", 1, NOON) == SOON_SECONDS
    again.settle([("b", 100)])
    assert again.reserve("acme", "b", 100, NOON) is None  # sent again: charged once
    assert used_on(place, NOON)["acme"] == Used(600, 0)
    later = NOON + timedelta(days=2)
    again.reserve("acme", "d", 5, later)
    assert used_on(place, NOON) == {} and used_on(place, later)["acme"] == Used(0, 5)
    again.close()
    assert used_on(tmp_path / "none.db", NOON) == {}


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (BODY, len(BODY) + 40),
        (BODY.replace(b"max_tokens", b"n_predict"), len(BODY) - 1 + 40),
        (b'{"messages": []}', 2048),  # nobody says how long the answer may be
        (b'{"max_tokens": 90, "max_completion_tokens": 3}', 46 + 3),
        (b'{"max_tokens": -1}', 2048),
        (b'{"max_tokens": 100000}', 2048),
        (b'{"max_tokens": "7"}', 2048),
        (b"[]", 2048),
        (b"no JSON", 7),
    ],
)
def test_the_most_that_a_request_can_take(body: bytes, most: int) -> None:
    assert most_tokens(body, 2048) == most


def test_caps_need_the_log_they_are_counted_from(tmp_path: Path) -> None:
    file = tmp_path / "serving.toml"
    file.write_text("[log]\nkeep = false\n[tenants.acme]\ntokens_per_day = 5\n")
    with pytest.raises(InputError, match=r"log\.keep is needed"):
        read_specification(file)


class Capped:
    """A gateway before a small engine, with a door and the log's reader, as a serving has them."""

    def __init__(self, running: RunningGateway, specification: Specification) -> None:
        self.running, self.specification = running, specification
        self.file = running.folder / "tokens.db"
        self.caps = TokenCaps(self.file, specification.token_caps)
        socket = running.folder / f"{DOOR}.sock"
        self.door = TokenDoor(socket, self.caps, specification.engine.context)
        threading.Thread(target=self.door.serve_forever, daemon=True).start()
        folder = running.folder
        self.spool = Spool(specification, folder / "tap", folder / "access.jsonl", folder / "rows")
        self.settlements = Settlements(socket)

    def settle(self, redactor: Any) -> None:
        """Do as the log's writer does, once."""
        self.spool.work(redactor, {})
        assert self.settlements.tell(self.spool.taken()) == ""

    @property
    def used(self) -> Used:
        return used_on(self.file, datetime.now(UTC)).get("acme", Used(0, 0))


def _ask(running: RunningGateway, tenant: str = "acme") -> httpx.Response:
    headers = {"x-tenant": tenant, "content-type": "application/json"}
    return running.client.post("/v1/chat/completions", content=BODY, headers=headers)


@pytest.mark.timeout(120)
def test_a_hundred_clients_never_pass_a_cap_by_more_than_one_request(
    start_gateway: Callable[..., RunningGateway],
    make_engine: Callable[[str], StubEngine],
    redactor: Any,
) -> None:
    running = start_gateway(tenants={"acme": {"tokens_per_day": CAP}})
    engine = make_engine("desk/1")
    running.point("stable", engine)
    running.wait(lambda: running.client.get("/health").is_success)

    refused = _ask(running)  # there is no door yet
    assert refused.status_code == 503
    assert "cannot be reserved just now" in refused.json()["error"]["message"]
    assert _ask(running, "someone").status_code == 200  # who has no cap needs none
    assert engine.asked[-1]["body"] == BODY.decode()

    capped = Capped(running, running.specification)
    most, asked = most_tokens(BODY, 2048), len(engine.asked)
    with ThreadPoolExecutor(100) as clients:
        first = list(clients.map(_ask, [running] * 100))
    passed = [reply for reply in first if reply.status_code == 200]
    assert len(passed) == -(-CAP // most)  # as many as fill it, whoever was first
    told = next(reply for reply in first if reply.status_code == 429)
    assert told.headers["retry-after"] == "1"
    assert "may take what is left of acme's 1,000 tokens" in told.json()["error"]["message"]
    assert CAP <= capped.used.reserved < CAP + most

    answers = len(passed)
    while (reply := _ask(running)).headers.get("retry-after") in (None, "1"):
        answers += reply.status_code == 200
        assert capped.used.whole < CAP + most
        capped.settle(redactor)
    assert answers == len(engine.asked) - asked == -(-CAP // TAKES)  # all of it could be used
    assert capped.used == Used(answers * TAKES, 0)
    assert "has used its 1,000 tokens of today" in reply.json()["error"]["message"]
    assert 1 < int(reply.headers["retry-after"]) <= 86_400
    assert _ask(running, "someone").status_code == 200
    capped.door.shutdown()
