"""`paddock up` as a team sees it: its servers through their APIs, and the home that they share."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import TimeoutError as PageTimeout

from model_registry.accounts.passwords import Passwords, read_passwords
from model_registry.tracking import Registry, open_registry
from tests.waiting import free_port

Found = TypeVar("Found")
OURS = ("PADDOCK_", "PREFECT_", "MLFLOW_")  # what earlier tests may have set
POLICY = """
name = "permissive"
[[gates]]
id = "was evaluated"
metric = "safety/over_refusal"
rule = "max"
value = 1.0
"""


class Team:
    """The running servers, seen through Prefect's API, and the home they share."""

    def __init__(self, home: Path, prefect: str, mlflow: str, environment: dict[str, str]) -> None:
        self.home, self.prefect, self.mlflow = home, prefect, mlflow
        self.environment, self.rows = environment, home / "rows.jsonl"

    def api(self, path: str, body: Any = None) -> Any:
        """Call Prefect's API; a body makes it a POST.

        A server on SQLite answers 503, and has done nothing, when another write was first: as
        Prefect's own client does, ask again.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Basic {self.token}"}
        request = urllib.request.Request(f"{self.prefect}/api{path}", data, headers)
        return wait_for(lambda: _answer(request), 60)

    @property
    def known(self) -> Passwords:
        """Return the passwords of the home."""
        return read_passwords(self.home / "accounts.toml")

    @property
    def token(self) -> str:
        """Return what Prefect's pages keep of its login."""
        return b64encode(self.known.prefect.get_secret_value().encode()).decode()

    def registry(self, name: str) -> Registry:
        """Return MLflow as somebody."""
        return open_registry(self.mlflow, None, self.known.login(name))

    def deployment(self, address: str) -> str:
        """Return the id of a deployment by its `flow/name`."""
        return str(self.api(f"/deployments/name/{address}")["id"])

    def runs(self, deployment: str, *, begun: bool = True) -> list[dict[str, Any]]:
        """Return a deployment's runs that have begun, or those that wait for a worker too."""
        states = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
        wanted = {
            "deployments": {"id": {"any_": [self.deployment(deployment)]}},
            "flow_runs": {"state": {"type": {"any_": states if begun else [*states, "SCHEDULED"]}}},
        }
        return self.api("/flow_runs/filter", wanted)

    def hooked(self, deployment: str) -> list[dict[str, Any]]:
        """Return a deployment's runs that a change in the registry started."""
        return [run for run in self.runs(deployment) if "webhook" in run["tags"]]

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Start a deployment, as a schedule does, and wait for its end.

        Started while its own schedule, or a change, runs it, it is cancelled, as it should be: then
        it is started again.
        """
        path = f"/deployments/{self.deployment(deployment)}/create_flow_run"
        body = {"parameters": {"parameters": parameters}, "state": {"type": "SCHEDULED"}}
        state = ""
        for _ in range(60):  # on a busy machine that other run takes half a minute
            if (state := self.ended(self.api(path, body)["id"])) != "CANCELLED":
                return state
            time.sleep(2)
        return state

    def ended(self, run: str) -> str:
        """Wait until a run has ended and return its state."""

        def state() -> str | None:
            found = self.api(f"/flow_runs/{run}")["state"]
            kind, said = found["type"], found["message"]
            if kind in ("FAILED", "CRASHED"):
                print(f"{kind}: {said}\n{self.log_end('worker')}")  # shown where a test fails
            return kind if kind in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        return wait_for(state, 500)  # a busy machine takes long; the test itself may take 600

    def log_end(self, part: str) -> str:
        """Return the end of what a part of `up` has logged."""
        return (self.home / f"logs/{part}.log").read_text()[-2000:]

    def mlflow_run(self, model: str, name: str) -> tuple[str, str]:
        """Return MLflow's (experiment, run) of the newest run whose name is like this."""
        client = self.registry("serving").client
        experiment = client.get_experiment_by_name(model)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id], f"attributes.run_name LIKE '{name}'")
        return str(experiment.experiment_id), str(runs[0].info.run_id)

    def deploy_model(self, name: str, folder: Path, base: Path) -> Path:
        """Write a model's file as its engineer does, look at what it names, and deploy it."""
        (folder / "permissive.toml").write_text(POLICY)
        file = folder / f"{name}.toml"
        words = ["--source", str(self.rows), "--base", str(base), "--policy", "permissive.toml"]
        self.paddock("init", name, "--file", str(file), *words)
        text = file.read_text()
        assert "# eval_sets = []" in text
        file.write_text(text.replace("# eval_sets = []", 'eval_sets = ["safety"]'))
        looked = self.paddock("check", str(file))
        assert f"{name} can be trained." in looked and "release: you" in looked
        assert f"retrain/{name}: made, at 0 2 * * *" in self.paddock("deploy", str(file))
        return file

    def newest_summary(self, model: str) -> dict[str, Any]:
        """Return what the newest run of a model has kept of itself."""
        newest = sorted((self.home / "store" / "runs" / model).glob("*.json"))[-1]
        return cast("dict[str, Any]", json.loads(newest.read_text()))

    def look_at(self, model: str, what: str) -> str:
        """Return the address at which people do something about a model's newest run."""
        return str(self.newest_summary(model)["look_at"][what]).split("then ")[-1]

    def paddock(self, *arguments: str) -> str:
        """Run the command beside the servers, and return what it says."""
        command = [sys.executable, "-m", "flows.command.cli", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def wait_for(look: Callable[[], Found | None], seconds: float) -> Found:
    """Look until there is something, for so long at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    pytest.fail(f"nothing happened within {seconds} s")


@contextmanager
def running(home: Path, *, ended_by_command: bool = False) -> Generator[Team]:
    """Run `paddock up` over a home, and end it as Ctrl-C does, or by `paddock down`."""
    home.mkdir(parents=True, exist_ok=True)
    ports = [free_port(), free_port()]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(OURS)},
        "PADDOCK_HOME": str(home),
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "10",  # a minute, else
        "OMP_NUM_THREADS": "1",  # a tiny model gains nothing from two, and others want them
        "PADDOCK_PREFECT_PORT": str(ports[0]),
        "PADDOCK_MLFLOW_PORT": str(ports[1]),
        "PADDOCK_METRICS_PORT": str(free_port()),
    }
    log = home / "up.log"
    with log.open("w") as out:
        up = subprocess.Popen(
            [sys.executable, "-m", "flows.command.cli", "up"],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            wait_for(lambda: True if "Worker 'paddock' started" in log.read_text() else None, 180)
            prefect, mlflow = (f"http://127.0.0.1:{port}" for port in ports)
            yield Team(home, prefect, mlflow, environment)
        finally:
            if ended_by_command:
                Team(home, "", "", environment).paddock("down")
            else:
                os.killpg(up.pid, signal.SIGINT)
            try:
                up.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(up.pid, signal.SIGKILL)
                raise
    for port in ports:
        assert not _listens(port), "Ctrl-C left a server behind"


@contextmanager
def logged_in(team: Team, browser: Any) -> Generator[Any]:
    """Give a page of somebody who is logged in to both servers as an approver.

    What the servers' pages ask for is asked of them alone.
    """
    secret = team.known.passwords["you"].get_secret_value()
    context = browser.new_context(
        viewport={"width": 1500, "height": 1100},
        http_credentials={"username": "you", "password": secret, "origin": team.mlflow},
    )
    context.add_init_script(f"localStorage.setItem('prefect-password', '{team.token}')")
    asked: list[str] = []

    def note(request: Any) -> None:
        asked.append(request.url)

    context.on("request", note)
    page = context.new_page()
    page.set_default_timeout(180_000)  # a busy machine takes its time
    yield page
    context.close()
    assert {urlsplit(url).hostname for url in asked if url.startswith("http")} == {"127.0.0.1"}


def fill_field(page: Any, help_text: str, value: str) -> None:
    """Fill the field of a form of Prefect's that bears this help text.

    A form that is still being drawn may put its default back: then it is filled again.
    """
    field = page.locator(".p-label", has_text=help_text).last.locator("textarea, input").first
    for _ in range(10):
        field.fill(value)
        page.wait_for_timeout(500)
        if field.input_value() == value:
            return
    pytest.fail(f"the form does not keep {value!r} in: {help_text}")


def submit(page: Any) -> None:
    """Send a form of Prefect's off, which leaves the form once the server has made a run.

    A server on SQLite refuses a write where another was first, and the page says so and stays: then
    it is sent off again, as a person does.
    """
    for _ in range(6):
        page.get_by_role("button", name="Submit").click()
        try:
            page.wait_for_url(_is_no_form, timeout=20_000)
        except PageTimeout:
            print(f"the form stays: {page.inner_text('body')[-1500:]}")
        else:
            return
    pytest.fail("the form is not sent off")


def command_lines() -> list[str]:
    """Return the command line of every process, as anybody on the machine sees it."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(place.read_bytes().decode(errors="replace"))
    return found


def _is_no_form(address: str) -> bool:
    return not urlsplit(address).path.rstrip("/").endswith("/run")


def _answer(request: urllib.request.Request) -> Any:
    """Return what the server answers, or None where it asks to be asked again."""
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            found = json.loads(answer.read() or b"null")
            return True if found is None else found  # it did as it was asked
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
