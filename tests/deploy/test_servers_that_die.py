"""Real servers of one home, killed: what dies comes back, dead runs are marked, nothing stays."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.servers.watchdog import ask, mark_dead_runs
from tests.deploy.up_at_home import Up, answer_of, descendants, wait_for
from tests.waiting import free_port

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux"),
]


@pytest.fixture(scope="module")
def up(
    make_home: Callable[[Path], Path],
    home_environment: Callable[[Path], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Up]:
    home = make_home(tmp_path_factory.mktemp("up") / "home")
    names = ("PADDOCK_PREFECT_PORT", "PADDOCK_MLFLOW_PORT", "PADDOCK_METRICS_PORT")
    often = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "10"}  # a minute, else
    environment = home_environment(home) | {name: str(free_port()) for name in names} | often
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


def test_the_terminal_is_for_people_and_the_logs_have_the_rest(up: Up) -> None:
    requests = "GET /health HTTP"
    wait_for(lambda: requests in (up.home / "logs" / "mlflow.log").read_text(), 30)
    assert requests not in up.told()
    assert f"All that they say: {up.home}/logs" in up.told()
    wait_for(lambda: "Paddock is up" in up.told(), 240)


def test_the_exporter_tells_of_both_servers_and_of_the_worker(up: Up) -> None:
    address = f"http://127.0.0.1:{up.environment['PADDOCK_METRICS_PORT']}/metrics"
    heard = 'paddock_worker_heartbeat_timestamp_seconds{pool="cpu"}'
    told = wait_for(lambda: found if heard in (found := str(ask(address))) else None, 300)
    lines = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    assert lines['paddock_server_up{server="mlflow"}'] == "1.0"
    assert lines['paddock_source_up{source="people"}'] == "1.0"  # with the promoter's login
    assert time.time() - float(lines[heard]) < 120


def test_on_a_fresh_home_everything_scheduled_ends_well_and_says_why(up: Up) -> None:
    """All but the training itself, which has the demo to train on."""
    wait_for(lambda: "Paddock is up" in up.told(), 240)
    names = ["compact_log", "evaluate", "monitor_drift", "promote", "reconcile", "review"]
    names.append("weekly_report")
    own = dict.fromkeys(names, "help-desk") | {"reconcile": "reconcile"}
    found = {up.get(f"/deployments/name/{name}/{own[name]}")["id"]: name for name in names}
    # Every two minutes: a busy server may look at a new schedule after its first time.
    soon = (datetime.now(UTC) + timedelta(seconds=12)).isoformat()
    schedule = {"schedule": {"interval": 120, "anchor_date": soon}, "active": True}
    for deployment in found:
        up.post(f"/deployments/{deployment}/schedules", [schedule])
    ended = wait_for(lambda: _scheduled(up, found), 480)
    for deployment in found:
        up.post(f"/deployments/{deployment}/pause_deployment", {})
    for name, run in ended.items():
        model = "" if name == "reconcile" else "help-desk "
        assert re.fullmatch(rf"{model}{name} \d{{4}}-\d\d-\d\d \d\d:\d\d", run["name"])
    said = {name: (run["state_type"], run["state"]["message"]) for name, run in ended.items()}
    state, sentences = said.pop("weekly_report")
    assert state == "COMPLETED" and "Nothing served. No run ended in a candidate." in sentences
    assert said == {
        "compact_log": (
            "COMPLETED",
            "Nothing to seal in the log of help-desk: nothing was written yet.",
        ),
        "evaluate": ("COMPLETED", "Nothing to evaluate: help-desk has no champion yet."),
        "monitor_drift": ("COMPLETED", "Nothing to compare: help-desk has no champion yet."),
        "promote": ("COMPLETED", "No candidate of help-desk waits to be promoted."),
        "reconcile": ("COMPLETED", "The ledger has no release yet."),
        "review": ("COMPLETED", "There is no candidate of help-desk to review."),
    }


def _scheduled(up: Up, deployments: dict[str, str]) -> dict[str, Any] | None:
    """Return a run of each deployment that a schedule started and that ended; None before."""
    final = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}
    wanted = {"deployments": {"id": {"any_": list(deployments)}}, "flow_runs": final}
    found = up.post("/flow_runs/filter", wanted)
    runs = [] if found is True else found  # an empty answer
    ended = {deployments[run["deployment_id"]]: run for run in runs if run["auto_scheduled"]}
    return ended if len(ended) == len(deployments) else None


def test_a_second_one_on_the_same_home_is_refused(up: Up) -> None:
    names = ("PADDOCK_PREFECT_PORT", "PADDOCK_MLFLOW_PORT", "PADDOCK_METRICS_PORT")
    others = {name: str(free_port()) for name in names}
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
    header["authorization"] = f"Basic {b64encode(up.login.encode()).decode()}"
    with urllib.request.urlopen(urllib.request.Request(address, body, header, method="PATCH")):
        pass
    assert up.state(waits) == "SCHEDULED"  # the slot is taken
    silence = timedelta(seconds=10)  # an event is kept within 5 s
    time.sleep(silence.total_seconds())
    up.post("/events", _heartbeat(alive))
    wait_for(lambda: up.post("/events/filter", {"filter": _of(alive)})["events"] or None, 20)
    try:
        marked = wait_for(lambda: mark_dead_runs(up.api, silence, login=up.login), 180)
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


@pytest.mark.parametrize("name", ["mlflow", "prefect", "metrics"])
def test_a_server_that_is_killed_comes_back_and_the_others_stay(up: Up, name: str) -> None:
    before = up.parts()
    os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: f"{name} ended (by SIGKILL); it is started again" in up.told(), 10)
    assert str(up.home / "logs" / f"{name}.log") in up.told()
    metrics = f"http://127.0.0.1:{up.environment['PADDOCK_METRICS_PORT']}/metrics"
    servers = {"mlflow": f"{up.mlflow}/health", "prefect": f"{up.api}/health", "metrics": metrics}
    address = servers[name]
    wait_for(lambda: answer_of(address, None), 90)
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
    for one in [parts["prefect"], *descendants(parts["worker"]), parts["worker"]]:
        os.kill(one, signal.SIGKILL)
    killed = time.monotonic()
    assert begun(run, {"CRASHED", "COMPLETED", "CANCELLED"}) == "CRASHED"
    assert time.monotonic() - killed < 120
    following = start(planted_rows)
    assert begun(following, {"RUNNING", "CANCELLED", "COMPLETED"}) != "CANCELLED"
    assert begun(following, {"COMPLETED", "FAILED", "CRASHED"}) == "COMPLETED"


def test_killed_itself_it_leaves_no_process_and_no_lock(up: Up) -> None:
    everything = descendants(up.process.pid)
    assert len(everything) >= 5
    up.process.kill()
    up.process.wait(10)
    wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in everything), 30)
    with (up.home / "up.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (up.home / "servers.json").exists()
