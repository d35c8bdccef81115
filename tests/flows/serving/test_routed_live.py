"""`paddock serve` with a router: two engines of llama.cpp, its door, and the ledger moving."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow
from flows.serving.canary_start import begun
from flows.serving.canary_ticks import Site
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.promotion import promote, rollback
from model_registry.retiring import retire
from model_registry.standing import read_standing
from tasks.models.encoding import Encoder
from tasks.routing.model import Side
from tasks.routing.seen import Seen
from tests.flows.serving.conftest import NAME, Desk, Served, children_of, kill
from tests.tasks.routing.length_router import length_router
from tests.tasks.routing.released import approved as approved_router

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
ROUTER = f"{NAME}-router"
SHORT, LONG = "Where is my parcel?", "Please tell me in full why " + "and how " * 10
ENCODER = Encoder()


@pytest.fixture(scope="module")
def desk(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("routed") / "home")
    assert desk.release("a") == 1
    return desk


def large_of(desk: Desk) -> Side:
    champion = read_standing(desk.registry, NAME).champion
    assert champion is not None
    return Side(name=f"{NAME}-candidate", version=champion.version, digest=champion.digest)


def release(desk: Desk, scratch: Path, **how: Any) -> int:
    """Let a router serve, and return its version."""
    router = length_router(ENCODER, large=large_of(desk), **how)
    standing = read_standing(desk.registry, ROUTER).champion
    champion = standing.tags["paddock.reference.model"] if standing else ""
    found = approved_router(desk.registry, desk.keys, ROUTER, router, scratch, champion=champion)
    promote(desk.registry, ROUTER, found.version, desk.keys)
    return found.version


@pytest.fixture(scope="module")
def served(
    desk: Desk, serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory
) -> Served:
    release(desk, tmp_path_factory.mktemp("first"))
    how = f'[log]\nnames = false\n[router]\nname = "{ROUTER}"\ntimeout_ms = 2000\n'
    how += '[canary]\nmetrics = ["errors"]\n'
    return serve(desk.home, f"{how}[engine]\nslots = 2\n").ready()


def answering(served: Served, text: str) -> str:
    reply = served.ask(text)
    assert reply.status_code == 200, reply.text
    return reply.json()["model"]


def process_of(served: Served, *words: str) -> int:
    for pid in children_of(served.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if set(words) <= set(command):
            return pid
    raise AssertionError(words)


def test_a_router_sends_and_its_ledger_is_followed(
    desk: Desk, served: Served, tmp_path: Path
) -> None:
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/1-q4_0")
    assert answering(served, LONG) == f"{NAME}/1"
    state = json.loads(served.places.state.read_text())
    assert state["weights"][f"{NAME}/1-q4_0"] == state["digest"]  # the same version's bytes

    def rows() -> dict[str, tuple[str, str]]:
        files = sorted((desk.home / "serving" / NAME / "log").glob("*.jsonl"))
        found = [
            LogRow.model_validate_json(one) for f in files for one in f.read_text().splitlines()
        ]
        return {row.model: (row.variant, row.weights) for row in found}

    logged = served.wait(lambda: len(found := rows()) == 2 and found)
    assert logged[f"{NAME}/1-q4_0"] == ("small", state["digest"])
    assert logged[f"{NAME}/1"] == ("champion", state["digest"])

    kill(process_of(served, "flows.serving.router_door"))
    assert answering(served, SHORT) == f"{NAME}/1"  # at once: nobody waits for it
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/1-q4_0")  # it is started again
    kill(process_of(served, "tasks.serving.llama_cpp", f"{NAME}/1-q4_0"))
    assert answering(served, SHORT) in (f"{NAME}/1", f"{NAME}/1-q4_0")

    assert release(desk, tmp_path, threshold=None) == 2  # it sends nothing there
    served.wait(lambda: f"{ROUTER}/2 routes" in served.said())
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/1")
    assert rollback(desk.registry, ROUTER, "for a test", desk.keys).moved
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/1-q4_0")

    def seen() -> Seen:
        return Seen.model_validate_json(served.places.router.read_bytes())

    served.wait(lambda: seen().version == 1 and seen().together().small)


def test_no_canary_stands_beside_a_router(desk: Desk, served: Served) -> None:
    """Nor does an experiment: both begin in the same place."""
    workshop = Workshop(Settings(home=desk.home), "promoter")
    site = Site(workshop.store, served.places, NAME)
    with pytest.raises(InputError, match="a router sends some requests to a small model"):
        begun(workshop, site, NAME, None, None)


def test_beside_another_champion_and_once_retired_nothing_is_sent(
    desk: Desk, served: Served, tmp_path: Path
) -> None:
    before = large_of(desk)
    assert desk.release("b") == 2
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/2")
    served.wait(lambda: "which is not the version that serves" in served.said())
    assert {answering(served, SHORT) for _ in range(5)} == {f"{NAME}/2"}
    # For that one another router, whose small model is a version of its own.
    small = Side(name=NAME, version=1, digest=before.digest)
    assert release(desk, tmp_path, small=small) == 3
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/1")
    assert answering(served, LONG) == f"{NAME}/2"
    retire(desk.registry, ROUTER, "for a test")
    served.wait(lambda: "it was taken out of service" in served.said())
    served.wait(lambda: answering(served, SHORT) == f"{NAME}/2")
    assert served.end() == 0
