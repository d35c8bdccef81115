"""Real servers of one home, killed: what dies comes back, dead runs are marked, nothing stays."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flows.servers.watchdog import ask, mark_dead_runs

Found = TypeVar("Found")
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux"),
]


@dataclass
class Up:
    """A `paddock up` that runs."""

    home: Path
    api: str
    mlflow: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def told(self) -> str:
        return (self.home / "up.txt").read_text()

    def parts(self) -> dict[str, int]:
        """Return the process of each part by its name: the supervisor's children."""
        tree = _tree(self.process.pid)
        lines = {one: Path(f"/proc/{one}/cmdline").read_text() for one in tree}
        names = {"prefect": "prefect\0server", "mlflow": "mlflow\0server", "worker": "worker\0"}
        return {
            name: next(one for one, line in lines.items() if words in line)
            for name, words in names.items()
        }

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Call Prefect's API; as its own client does, once more where it is busy."""
        return wait_for(lambda: _try(f"{self.api}{path}", body), 60)

    def state(self, run: str) -> str:
        return str(wait_for(lambda: _try(f"{self.api}/flow_runs/{run}", None), 60)["state_type"])


def wait_for(look: Callable[[], Found | None], seconds: float) -> Found:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    pytest.fail(f"nothing happened within {seconds} s")


def _try(address: str, body: dict[str, Any] | None) -> Any:
    try:
        return ask(address, body) or True
    except OSError:
        return None


def _tree(process: int) -> list[int]:
    """Return a process's descendants."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(place.parent.name))
    found = list(parents.get(process, []))
    for one in found:
        found += parents.get(one, [])
    return found


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def up(
    make_home: Callable[[Path], Path],
    home_environment: Callable[[Path], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Up]:
    home = make_home(tmp_path_factory.mktemp("up") / "home")
    ports = {name: str(_port()) for name in ("PADDOCK_PREFECT_PORT", "PADDOCK_MLFLOW_PORT")}
    environment = home_environment(home) | ports
    with (home / "up.txt").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.command.cli", "up"],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    place = home / "servers.json"
    try:
        wait_for(lambda: place.exists() or process.poll() is not None, 180)
        assert place.exists(), (home / "up.txt").read_text()[-3000:]
        found = json.loads(place.read_text())
        yield Up(home, found["prefect_api_url"], found["mlflow_uri"], process, environment)
    finally:
        process.terminate()
        process.wait(40)


def test_the_home_says_where_its_servers_are(up: Up) -> None:
    place = up.home / "servers.json"
    assert place.stat().st_mode & 0o777 == 0o600
    assert json.loads(place.read_text()) == {
        "prefect_api_url": f"http://127.0.0.1:{up.environment['PADDOCK_PREFECT_PORT']}/api",
        "mlflow_uri": f"http://127.0.0.1:{up.environment['PADDOCK_MLFLOW_PORT']}",
        "pid": up.process.pid,
    }
    assert ask(f"{up.api}/health") is True
    assert ask(f"{up.mlflow}/health") == "OK"


def test_a_second_one_on_the_same_home_is_refused(up: Up) -> None:
    others = {"PADDOCK_PREFECT_PORT": str(_port()), "PADDOCK_MLFLOW_PORT": str(_port())}
    done = subprocess.run(
        [sys.executable, "-m", "flows.command.cli", "up"],
        env=up.environment | others,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"process {up.process.pid}, Prefect at {up.api.removesuffix('/api')}" in done.stderr
    assert up.mlflow in done.stderr and str(up.home) in done.stderr
    assert (up.home / "servers.json").exists()


def test_a_run_nothing_is_heard_of_is_marked_and_its_slot_is_free(up: Up) -> None:
    flow = up.post("/flows/", {"name": "of a test"})["id"]
    one_at_a_time = {
        "concurrency_limit": 1,
        "concurrency_options": {"collision_strategy": "ENQUEUE"},
    }
    deployment = up.post("/deployments/", {"name": "one", "flow_id": flow, **one_at_a_time})["id"]

    def run(body: dict[str, Any], *states: str) -> str:
        scheduled = {"flow_id": flow, "state": {"type": "SCHEDULED"}, **body}
        found = up.post("/flow_runs/", scheduled)["id"]
        for state in states:
            up.post(f"/flow_runs/{found}/set_state", {"state": {"type": state}})
        return str(found)

    dead = run({"deployment_id": deployment}, "PENDING", "RUNNING")
    waits = run({"deployment_id": deployment}, "PENDING")
    cancelled, alive, ended = run({}, "RUNNING", "CANCELLING"), run({}, "RUNNING"), run({})
    up.post(f"/flow_runs/{ended}/set_state", {"state": {"type": "COMPLETED"}})
    begins = run({}, "PENDING")
    mine = subprocess.Popen(["sleep", "600"], env={"PREFECT__FLOW_RUN_ID": begins})
    address = f"{up.api}/flow_runs/{begins}"
    body = json.dumps({"infrastructure_pid": str(mine.pid)}).encode()
    header = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, body, header, method="PATCH")):
        pass
    assert up.state(waits) == "SCHEDULED"  # the slot is taken
    silence = timedelta(seconds=10)  # an event is kept within 5 s
    time.sleep(silence.total_seconds())
    up.post("/events", _heartbeat(alive))
    wait_for(lambda: up.post("/events/filter", {"filter": _of(alive)})["events"] or None, 20)
    try:
        marked = wait_for(lambda: mark_dead_runs(up.api, silence), 60)
    finally:
        mine.kill()
        mine.wait()
    assert len(marked) == 2
    assert {name: up.state(name) for name in (dead, cancelled)} == dict.fromkeys(
        (dead, cancelled), "CRASHED"
    )
    assert [up.state(name) for name in (alive, ended, begins)] == [
        "RUNNING",
        "COMPLETED",
        "PENDING",
    ]
    up.post(f"/flow_runs/{waits}/set_state", {"state": {"type": "PENDING"}})
    assert up.state(waits) == "PENDING"


def _heartbeat(run: str) -> Any:
    return [
        {
            "event": "prefect.flow-run.heartbeat",
            "occurred": datetime.now(UTC).isoformat(),
            "id": "01a22025-d377-7aee-8c6e-b5066a2c076a",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
        }
    ]


def _of(run: str) -> dict[str, Any]:
    since = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    heartbeat = {"name": ["prefect.flow-run.heartbeat"]}
    resource = {"id": [f"prefect.flow-run.{run}"]}
    return {"occurred": {"since": since}, "event": heartbeat, "resource": resource}


@pytest.mark.parametrize("name", ["mlflow", "prefect"])
def test_a_server_that_is_killed_comes_back_and_the_others_stay(up: Up, name: str) -> None:
    before = up.parts()
    os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: f"{name} ended (by SIGKILL); it is started again" in up.told(), 10)
    assert str(up.home / "logs" / f"{name}.log") in up.told()
    address = {"mlflow": f"{up.mlflow}/health", "prefect": f"{up.api}/health"}[name]
    wait_for(lambda: _try(address, None), 90)
    after = up.parts()
    assert after.pop(name) != before.pop(name)
    if name == "mlflow":
        assert after["prefect"] == before["prefect"]
    assert up.process.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize(("state", "seconds"), [("RUNNING", 2), ("RUNNING", 10), ("PENDING", 0)])
def test_a_run_killed_with_server_and_worker_is_crashed_in_two_minutes(
    up: Up, planted_rows: Path, tmp_path: Path, state: str, seconds: float
) -> None:
    long = tmp_path / "long.jsonl"
    turns = [("user", "Where is shelf {n}?"), ("assistant", "In hall {n}, says Maria of Oslo.")]
    with long.open("w") as out:
        for n in range(5000):
            row = [{"role": role, "content": text.format(n=n)} for role, text in turns]
            out.write(json.dumps({"messages": row}) + "\n")
    started = "Worker 'paddock' started"
    wait_for(lambda: up.told().count(started) > up.told().count("worker ended") or None, 180)
    ingest = {"deployments": {"name": {"any_": ["ingest"]}}}
    deployment = up.post("/deployments/filter", ingest)[0]["id"]

    def start(source: Path) -> str:
        parameters = {"parameters": {"source": str(source)}}
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(up.post(f"/deployments/{deployment}/create_flow_run", body)["id"])

    def begun(run: str, states: set[str]) -> str:
        return wait_for(lambda: found if (found := up.state(run)) in states else None, 180)

    run, parts = start(long), up.parts()
    begun(run, {state})
    time.sleep(seconds)
    for one in [parts["prefect"], *_tree(parts["worker"]), parts["worker"]]:
        os.kill(one, signal.SIGKILL)
    killed = time.monotonic()
    assert begun(run, {"CRASHED", "COMPLETED", "CANCELLED"}) == "CRASHED"
    assert time.monotonic() - killed < 120
    following = start(planted_rows)
    assert begun(following, {"RUNNING", "CANCELLED", "COMPLETED"}) != "CANCELLED"
    assert begun(following, {"COMPLETED", "FAILED", "CRASHED"}) == "COMPLETED"


def test_killed_itself_it_leaves_no_process_and_no_lock(up: Up) -> None:
    everything = _tree(up.process.pid)
    assert len(everything) >= 5
    up.process.kill()
    up.process.wait(10)
    wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in everything), 30)
    with (up.home / "up.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (up.home / "servers.json").exists()
