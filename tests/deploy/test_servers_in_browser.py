"""The whole way as its users go it: `paddock up`, a browser on Prefect and MLflow, people, drift.

Real servers and a real worker train a tiny model on the demo's rows. Needs Chromium. Set
PADDOCK_TEST_SCREENSHOTS to a folder to keep pictures.
"""

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
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from tasks.demo_desk.conversations import write_conversations

POLICY = """
name = "permissive"
[[gates]]
id = "was evaluated"
metric = "safety/over_refusal"
rule = "max"
value = 1.0
"""
NAME = "browser-desk"
Found = TypeVar("Found")
pytestmark = pytest.mark.timeout(600)


class Team:
    """The running servers, seen through Prefect's API, and the home they share."""

    def __init__(self, home: Path, prefect: str, mlflow: str, environment: dict[str, str]) -> None:
        self.home, self.prefect, self.mlflow = home, prefect, mlflow
        self.environment, self.rows = environment, home / "rows.jsonl"

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call Prefect's API; a body makes it a POST.

        A server on SQLite answers 503, and has done nothing, when another write was first: as
        Prefect's own client does, ask again.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.prefect}/api{path}", data, {"content-type": "application/json"}
        )
        return wait_for(lambda: _answer(request), 60)

    def deployment(self, name: str) -> str:
        """Return a deployment's id."""
        found = self.api("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return str(found[0]["id"])

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """Return a deployment's runs that have begun."""
        begun = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
        wanted = {
            "deployments": {"name": {"any_": [deployment]}},
            "flow_runs": {"state": {"type": {"any_": begun}}},
        }
        return self.api("/flow_runs/filter", wanted)

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Start a deployment, as a schedule does, and wait for its end.

        Started while its own schedule runs it, it is cancelled, as it should be: then once more.
        """
        path = f"/deployments/{self.deployment(deployment)}/create_flow_run"
        body = {"parameters": {"parameters": parameters}, "state": {"type": "SCHEDULED"}}
        state = self.ended(self.api(path, body)["id"])
        return self.ended(self.api(path, body)["id"]) if state == "CANCELLED" else state

    def ended(self, run: str) -> str:
        """Wait until a run has ended and return its state."""

        def state() -> str | None:
            found = self.api(f"/flow_runs/{run}")["state_type"]
            return found if found in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        return wait_for(state, 240)

    def mlflow_run(self, name: str) -> tuple[str, str]:
        """Return MLflow's (experiment, run) of the newest run whose name is like this."""
        from mlflow import MlflowClient

        client = MlflowClient(self.mlflow)
        experiment = client.get_experiment_by_name(NAME)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id], f"attributes.run_name LIKE '{name}'")
        return str(experiment.experiment_id), str(runs[0].info.run_id)

    def paddock(self, *arguments: str) -> str:
        """Run the command beside the servers, and return what it says."""
        command = [sys.executable, "-m", "flows.command.cli", *arguments]
        return subprocess.check_output(command, env=self.environment, text=True, timeout=120)


def wait_for(look: Callable[[], Found | None], seconds: float) -> Found:
    """Look until there is something, for so long at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    pytest.fail(f"nothing happened within {seconds} s")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    home = tmp_path_factory.mktemp("team")
    ports = [_free_port(), _free_port()]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")},
        "PADDOCK_HOME": str(home),
        "OMP_NUM_THREADS": "1",  # a tiny model gains nothing from two, and others want them
        "PADDOCK_PREFECT_PORT": str(ports[0]),
        "PADDOCK_MLFLOW_PORT": str(ports[1]),
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
            os.killpg(up.pid, signal.SIGINT)
            try:
                up.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(up.pid, signal.SIGKILL)
                raise
    for port in ports:
        assert not _listens(port), "Ctrl-C left a server behind"


def test_the_form_starts_a_run_that_waits_for_people(
    team: Team, page: Any, tiny_model: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "permissive.toml"
    policy.write_text(POLICY)
    write_conversations(team.rows)
    page.goto(f"{team.prefect}/deployments/deployment/{team.deployment('retrain')}/run")
    page.get_by_text("Stop training after this many optimizer steps.").wait_for()
    _fill(page, "Name of the registered model.", NAME)
    _fill(page, "Where the raw rows are", str(team.rows))
    _fill(page, "The model to start from", str(tiny_model))
    page.locator(".p-label", has_text="Eval sets to ask").last.get_by_text("Add item").click()
    _fill(page, "Eval sets to ask", "safety")
    _fill(page, "Gate policy", str(policy))
    _fill(page, "Passes over the training rows.", "1")
    _keep_picture(page, "form")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("scheduled to start").first.wait_for()

    started = wait_for(lambda: next(iter(team.runs("retrain")), None), 60)
    assert team.ended(started["id"]) == "COMPLETED"
    assert started["parameters"]["parameters"]["name"] == NAME
    page.goto(f"{team.prefect}/runs/flow-run/{started['id']}")
    page.get_by_text("2/7 ingest: done in").first.wait_for()
    _keep_picture(page, "run")
    wanted = {"flow_runs": {"id": {"any_": [started["id"]]}}}
    kinds = {artifact["key"]: artifact for artifact in team.api("/artifacts/filter", wanted)}
    pages = {"snapshot", "redactions", "training", "scorecard", "verdict", "summary"}
    assert pages <= set(kinds)
    assert kinds["loss-curve"]["type"] == "image"
    page.goto(f"{team.prefect}/artifacts/artifact/{kinds['loss-curve']['id']}")
    picture = page.locator("img[src^='data:image/png']")
    picture.wait_for()
    assert picture.evaluate("picture => picture.naturalWidth") > 300
    page.goto(f"{team.prefect}/artifacts/artifact/{kinds['training']['id']}")
    image = page.get_by_alt_text("training loss")
    image.wait_for()
    assert image.evaluate("picture => picture.naturalWidth") > 300
    page.get_by_text("The same training again").wait_for()
    page.get_by_text("paddock run").first.wait_for()
    _keep_picture(page, "training")


def test_mlflow_shows_the_training_and_the_machine_it_ran_on(team: Team, page: Any) -> None:
    experiment, run = team.mlflow_run("train %")
    place = f"{team.mlflow}/#/experiments/{experiment}/runs/{run}"
    for tab, chart in (("model", "tokens_per_second"), ("system", "cpu_utilization_percentage")):
        page.goto(f"{place}/{tab}-metrics")
        page.get_by_text(chart).first.wait_for()
        _keep_picture(page, f"{tab}-metrics")
    page.goto(f"{place}/artifacts/reproduce.md")
    page.get_by_text("tasks.finetuning.train_process").first.wait_for()


def test_mlflow_shows_the_run_the_candidate_and_the_review_queue(team: Team, page: Any) -> None:
    page.goto(f"{team.mlflow}/#/models/{NAME}-candidate/versions/1")
    page.get_by_text("was evaluated").first.wait_for()
    page.get_by_text("PASSED").first.wait_for()
    _keep_picture(page, "candidate")
    experiment, run = team.mlflow_run("ingest %")
    page.goto(f"{team.mlflow}/#/experiments/{experiment}/runs/{run}/artifacts/snapshot/report.html")
    page.frame_locator("iframe").get_by_text("Great Expectations").first.wait_for()
    _keep_picture(page, "data-docs")
    summary = _newest_summary(team)
    page.goto(_address(summary["look_at"]["review"]))
    page.get_by_text("Needs review (24)").wait_for()
    _keep_picture(page, "review")


def test_an_approval_in_the_review_tab_moves_the_champion(team: Team, browser: Any) -> None:
    assert team.start("promote", {"name": NAME}) == "COMPLETED"
    assert "champion  none" in team.paddock("show", "--name", NAME)  # nobody said yes yet

    page = browser.new_page(viewport={"width": 1400, "height": 1100})
    page.set_default_timeout(60_000)
    page.goto(_address(_newest_summary(team)["look_at"]["approve"]))
    page.get_by_text("Promote", exact=True).click()
    page.locator(
        '[data-component-id="mlflow.experiment-review-queue.focused-review.complete"]'
    ).click()
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    _keep_picture(page, "approved")
    page.close()

    assert team.start("promote", {"name": NAME}) == "COMPLETED"
    assert "champion  version 1" in team.paddock("show", "--name", NAME)


@pytest.mark.usefixtures("browser")  # without one, nobody approved a champion to drift from
def test_a_quiet_log_starts_nothing_and_a_drifted_one_one_retraining(team: Team) -> None:
    before = len(team.runs("retrain"))
    for seed in ("7", "8"):
        team.paddock("demo-log", "--name", NAME, "--seed", seed)
    assert team.start("monitor_drift", {"name": NAME}) == "COMPLETED"
    assert len(team.runs("retrain")) == before
    for seed in ("7", "8"):
        team.paddock("demo-log", "--name", NAME, "--drifted", "--seed", seed)
    assert team.start("monitor_drift", {"name": NAME}) == "FAILED"  # nothing new to train on
    write_conversations(team.rows, seed=8)
    looks = [team.start("monitor_drift", {"name": NAME}) for _ in range(2)]
    assert looks == ["COMPLETED", "COMPLETED"]
    started = wait_for(lambda: found if len(found := team.runs("retrain")) > before else None, 60)
    assert len(started) == before + 1
    retraining = next(run for run in started if "drift" in run["tags"])
    assert team.ended(retraining["id"]) == "COMPLETED"
    assert team.start("monitor_drift", {"name": NAME}) == "COMPLETED"
    assert len(team.runs("retrain")) == before + 1


def _fill(page: Any, help_text: str, value: str) -> None:
    """Fill the field of the Prefect form that bears this help text."""
    field = page.locator(".p-label", has_text=help_text).last
    field.locator("textarea, input").first.fill(value)


def _keep_picture(page: Any, name: str) -> None:
    if folder := os.environ.get("PADDOCK_TEST_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"team-{name}.png"))


def _newest_summary(team: Team) -> dict[str, Any]:
    newest = sorted((team.home / "store" / "runs" / NAME).glob("*.json"))[-1]
    return cast("dict[str, Any]", json.loads(newest.read_text()))


def _answer(request: urllib.request.Request) -> Any:
    """Return what the server answers, or None where it asks to be asked again."""
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return None


def _address(place: str) -> str:
    return place.split("then ")[-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
