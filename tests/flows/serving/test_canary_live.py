"""A canary beside `paddock serve`, as its users meet it: promoted, taken back, killed, gone on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_contracts.inference_log import LogRow
from model_registry.promotion import promote
from tests.flows.serving.conftest import NAME, Desk, Served, children_of, kill

pytestmark = pytest.mark.timeout(600)
POLICY = """
[canary]
metrics = ["errors", "latency"]
tick_seconds = 1
phases = [{ share = 50, minutes = 1 }, { share = 100, minutes = 1 }]
errors = { least = 40, margin = 0.2, tolerated = 0.05, against = "champion" }
latency = { least = 40, margin = 3.0, tolerated = 1.0 }
"""
STUB = f"{sys.executable} -m tests.tasks.serving.stub_engine {{model}} {{port}} {{name}}"


class Crowd:
    """Users who ask one question after the other, each under a name of its own."""

    def __init__(self, served: Served, pause: float) -> None:
        self.codes, self.models = Counter[int](), Counter[str]()
        self.bad_at: list[float] = []
        self._served, self._pause = served, pause
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(6)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self, who: int) -> None:
        number = 0
        while not self._over.wait(self._pause):
            number += 1
            headers = {"x-user": f"user-{who}-{number % 50}"}
            try:
                answer = self._served.ask(f"Question {number}", headers=headers, max_tokens=2)
            except httpx.HTTPError:
                self.codes[0] += 1
                continue
            self.codes[answer.status_code] += 1
            if answer.is_success:
                self.models[answer.json()["model"]] += 1
            else:
                self.bad_at.append(time.monotonic())


@contextmanager
def started(
    home: Path, environment: dict[str, str], *words: str
) -> Generator[subprocess.Popen[str]]:
    """Run `paddock canary start` while the block lasts."""
    command = [str(Path(sys.executable).with_name("paddock")), "canary", "start", "--name", NAME]
    process = subprocess.Popen(
        [*command, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def share(served: Served) -> int:
    """Return what the canary gets of 10,000 users, as the gateway was told."""
    [layer] = json.loads((served.places.run / "weights.json").read_text())["resources"]
    return int(layer["layer"]["paddock.arms.canary"])


@pytest.fixture(scope="module")
def llamas(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("canary") / "home")
    desk.release("a")
    return desk


def test_a_version_that_is_as_good_becomes_the_champion(
    llamas: Desk,
    serve: Callable[..., Served],
    home_environment: Callable[[Path], dict[str, str]],
    paddock: Callable[..., Any],
) -> None:
    llamas.approve("b", canary="required")
    specification = "[log]\nnames = false\n[engine]\nslots = 2\n" + POLICY
    served = serve(llamas.home, specification).ready()
    environment = home_environment(llamas.home)
    with Crowd(served, 0.05) as crowd, started(llamas.home, environment, "--fast", "6") as run:
        served.wait(lambda: share(served) == 5000, 200)
        said, _ = run.communicate(timeout=400)
        assert run.returncode == 0, said
        served.wait(lambda: served.ask("Who is it?").json()["model"] == f"{NAME}/2", 60)
    assert "promote: desk version 2 is champion now" in said
    assert "every phase was passed" in said
    assert llamas.champion == 2
    assert set(crowd.codes) == {200}
    candidate = next(name for name in crowd.models if not name.rpartition("/")[2].isdecimal())
    assert crowd.models[candidate] > 40
    served.wait(lambda: share(served) == 0)
    again = paddock(llamas.home, "canary", "start", "--name", NAME)
    assert again.returncode == 1
    assert "no candidate may stand beside the champion (there is none)" in again.stderr
    files = sorted((llamas.home / "store" / "inference" / NAME).glob("*.jsonl"))
    rows = [LogRow.model_validate_json(x) for f in files for x in f.read_text().splitlines()]
    asked = {row.weights for row in rows if row.variant == "canary"}
    assert asked == {llamas.registry.ledger.rows(NAME)[-1].digest}
    assert served.end() == 0


@pytest.fixture(scope="module")
def stubs(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A home with a champion and an approved candidate, whose engines are stubs."""
    desk = make_desk(tmp_path_factory.mktemp("canary-of-stubs") / "home")
    desk.release("a")
    desk.approve("b")
    return desk


@pytest.fixture(scope="module")
def manner(stubs: Desk) -> Path:
    return stubs.home / "manner.json"


@pytest.fixture(scope="module")
def beside(stubs: Desk, manner: Path, serve: Callable[..., Served]) -> Served:
    engine = f'[engine]\nkind = "vllm"\ncommand = "{STUB} {manner}"\n'
    return serve(stubs.home, f"[log]\nkeep = false\n{engine}{POLICY}").ready()


def test_a_worse_version_is_taken_back_and_the_champion_stays(
    stubs: Desk,
    manner: Path,
    beside: Served,
    home_environment: Callable[[Path], dict[str, str]],
) -> None:
    manner.write_text(json.dumps({"fails": 3, "seconds": 0.02}))
    environment = home_environment(stubs.home)
    with Crowd(beside, 0.02) as crowd, started(stubs.home, environment) as run:
        said, _ = run.communicate(timeout=200)
        assert run.returncode == 1, said
        beside.wait(lambda: share(beside) == 0)
        ended = time.monotonic()
        time.sleep(1)
    assert "rolled back" in said
    assert "errors: " in said
    assert stubs.champion == 1
    assert not [bad for bad in crowd.bad_at if bad > ended + 0.5]


def test_an_engine_that_dies_takes_no_users_with_it_and_is_back_within_seconds(
    stubs: Desk,
    manner: Path,
    beside: Served,
    home_environment: Callable[[Path], dict[str, str]],
) -> None:
    manner.write_text("{}")
    environment = home_environment(stubs.home)
    with Crowd(beside, 0.02) as crowd, started(stubs.home, environment) as run:
        beside.wait(lambda: share(beside) == 5000, 100)
        began = time.monotonic()
        kill(_candidate_engine(beside))
        beside.wait(lambda: share(beside) == 0, 10)
        assert time.monotonic() - began < 10
        said, _ = run.communicate(timeout=60)
        time.sleep(1)
    assert run.returncode == 1
    assert "an engine of desk/" in said
    assert "ended" in said
    answered = sum(crowd.codes.values())
    assert crowd.codes[200] / answered > 0.97
    assert stubs.champion == 1


def test_a_killed_watcher_is_gone_on_with_and_without_requests_nothing_is_promoted(
    stubs: Desk,
    manner: Path,
    beside: Served,
    home_environment: Callable[[Path], dict[str, str]],
    paddock: Callable[..., Any],
) -> None:
    manner.write_text("{}")
    environment = home_environment(stubs.home)
    with started(stubs.home, environment, "--fast", "600") as run:
        beside.wait(lambda: share(beside) == 5000, 100)
        os.killpg(run.pid, signal.SIGKILL)
    began = _state(stubs.home)
    shown = paddock(stubs.home, "canary", "status", "--name", NAME)
    assert "50 % of the traffic" in shown.stdout
    other = paddock(stubs.home, "canary", "start", "--name", NAME, "--version", "1")
    assert other.returncode == 2
    assert "the canary of version 2 is under way" in other.stderr
    with started(stubs.home, environment, "--fast", "600") as run:
        beside.wait(lambda: _state(stubs.home)["tick"] > began["tick"], 100)
        time.sleep(3)  # twenty times as long as the phases
        now = _state(stubs.home)
        assert (now["began"], now["phase"], now["ended"]) == (began["began"], 0, None)
        assert run.poll() is None
        ended = paddock(stubs.home, "canary", "abort", "--name", NAME, "--reason", "enough of it")
        assert ended.returncode == 0, ended.stderr
        said, _ = run.communicate(timeout=60)
    assert "aborted" in said
    assert "enough of it" in said
    beside.wait(lambda: share(beside) == 0, 10)
    assert stubs.champion == 1
    twice = paddock(stubs.home, "canary", "abort", "--name", NAME)
    assert twice.returncode == 2
    assert "no canary is under way: the newest was aborted" in twice.stderr


def test_one_that_people_promote_meanwhile_is_over_and_stays_the_champion(
    stubs: Desk,
    manner: Path,
    beside: Served,
    home_environment: Callable[[Path], dict[str, str]],
) -> None:
    manner.write_text("{}")
    with started(stubs.home, home_environment(stubs.home)) as run:
        beside.wait(lambda: share(beside) == 5000, 100)
        assert promote(stubs.registry, NAME, 2, stubs.keys).moved
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert "it is the champion already" in said
    beside.wait(lambda: beside.ask("Who is it?").json()["model"] == f"{NAME}/2", 100)
    assert share(beside) == 0


def test_without_a_serving_it_says_what_to_start(
    make_desk: Callable[[Path], Desk], tmp_path: Path, paddock: Callable[..., Any]
) -> None:
    desk = make_desk(tmp_path / "home")
    ended = paddock(desk.home, "canary", "start", "--name", NAME)
    assert ended.returncode == 2
    assert "nothing serves it from this home" in ended.stderr
    assert "paddock serve" in ended.stderr


def _state(home: Path) -> dict[str, Any]:
    """Return the state of the newest canary, as the store has it."""
    return json.loads((home / "store" / "canary" / f"{NAME}.json").read_text())["state"]


def _candidate_engine(served: Served) -> int:
    """Return the process of the candidate's engine: the newest, as one of before may be leaving."""
    found = [0]
    for pid in children_of(served.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "tests.tasks.serving.stub_engine" in words:
            name = next(word for word in words if word.startswith(f"{NAME}/"))
            if not name.rpartition("/")[2].isdecimal():
                found.append(pid)
    assert max(found), "no engine of the candidate's runs"
    return max(found)
