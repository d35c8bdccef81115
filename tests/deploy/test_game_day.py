"""A week of a desk that runs by itself, every part killed twice: `make game-day`.

Seven days of requests flow into the log, drift begins on the fourth, one retraining learns from the
log, people say yes, the champion moves, drift falls, and the weekly report tells of it. The days
are those before today, one after another: what would take a night takes as long as its runs.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
import urllib.error
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, log_bytes, window_key
from data_contracts.log_values import Feedback
from flows.servers.supervisor import PROCFILE
from flows.servers.watchdog import ask
from tasks.demo_desk.conversations import write_conversations
from tasks.demo_desk.inference_log import draw_log
from tasks.storage.objects import LocalStore
from tests.deploy.team import Team, running, wait_for
from tests.deploy.up_at_home import PARTS, descendants

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
NAME, ROWS = "game-desk", 200
DAYS = tuple(f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}" for ago in range(7, 0, -1))
FIRST_DRIFTED = 3  # the fourth
DONE = ("COMPLETED", "CRASHED", "FAILED", "CANCELLED")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with running(tmp_path_factory.mktemp("game")) as team:
        yield team


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", flush=True)


class Week:
    """The desk's days, as its schedules would have them."""

    def __init__(self, team: Team) -> None:
        self.team, self.store = team, LocalStore(team.home / "store")
        self.kills: dict[str, int] = dict.fromkeys(PARTS, 0)
        self.chance = random.Random("game day")

    def traffic(self, day: str, version: int, *, drifted: bool) -> None:
        """Let a day's requests be answered and rated, and what was wrong be corrected."""
        drawn = draw_log(day, drifted=drifted, rows=ROWS, model=NAME, version=version)
        self.store.write(window_key(NAME, day), log_bytes(map(self._rated, drawn)))

    def _rated(self, row: LogRow) -> LogRow:
        knows = self.chance.random() < 0.9
        right = f"Here is what we know: {row.prompt.splitlines()[0]} Yes, from this week on."
        said = Feedback(good=1.0) if knows else Feedback(good=0.0, corrected=right)
        return row.model_copy(update={"consent": True, "feedback": said})

    def night(self, day: str, *kill: str) -> str:
        """Seal the day and look for drift; parts die meanwhile. Return what the look ended with."""
        for flow in ("compact_log", "monitor_drift"):
            parameters: dict[str, Any] = {"name": NAME}
            if flow == "monitor_drift":
                parameters["source"] = f"log://{NAME}?replay=0.5"
            state = self.run(flow, parameters, kill if flow == "monitor_drift" else ())
            _say(f"{day}: {flow} {state}")
            assert state == "COMPLETED"
        verdicts = self.store.keys(f"drift/{NAME}/verdicts")
        newest = max(verdicts, key=lambda key: (self.team.home / "store" / key).stat().st_mtime_ns)
        judged = [json.loads(self.store.read(key)) for key in [newest]]
        return str(judged[0]["status"])

    def run(self, flow: str, parameters: dict[str, Any], kill: tuple[str, ...] = ()) -> str:
        """Start a flow until it ends by itself: what dies with the parts is started again."""
        state = ""
        for attempt in range(4):
            run = self.again(lambda: self.started(flow, parameters))
            if attempt == 0:
                for part in kill:
                    self.kill(part)
            state = self.again(lambda run=run: self.team.ended(run))
            if state == "COMPLETED":
                return state
            _say(f"  {flow} {state}: started again, as its next schedule would")
        return state

    def started(self, flow: str, parameters: dict[str, Any]) -> str:
        path = f"/deployments/{self.team.deployment(f'{flow}/{NAME}')}/create_flow_run"
        body = {"parameters": {"parameters": parameters}, "state": {"type": "SCHEDULED"}}
        return str(self.team.api(path, body)["id"])

    def kill(self, part: str) -> None:
        """Kill a part of `up`, with all that it has started, once it is there."""
        holder = json.loads((self.team.home / "up.lock").read_text())["pid"]

        def found() -> int | None:
            for one in descendants(holder):
                try:
                    line = Path(f"/proc/{one}/cmdline").read_text()
                except OSError:
                    continue
                if PARTS[part] in line:
                    return one
            return None

        pid = wait_for(found, 120)
        for one in (*descendants(pid), pid):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.kills[part] += 1
        _say(f"  killed {part}")

    def again(self, ask: Callable[[], Any]) -> Any:
        """Ask until the servers are back."""
        for _ in range(60):
            try:
                return ask()
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise AssertionError(error.read().decode()) from error
                time.sleep(2)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(2)
        pytest.fail("the servers did not come back")

    def approve(self, version: int) -> None:
        words = ("--version", str(version), "--approve", "--person", "you", "--reason", "better")
        self.team.paddock("decide", "--name", NAME, *words)
        wait_for(lambda: self.serving().startswith(f"version {version}") or None, 300)
        _say(f"version {version} serves")

    def serving(self) -> str:
        told = self.team.paddock("show", "--name", NAME)
        return told.partition("champion  ")[2].partition("\n")[0]

    def retrainings(self) -> list[dict[str, Any]]:
        """Return the runs that drift started, the first first."""
        runs = self.team.runs(f"retrain/{NAME}")
        return sorted((r for r in runs if "drift" in r["tags"]), key=lambda run: run["created"])

    def retrained(self, attempt: int) -> str | None:
        """Return how an attempt ended, once it has."""
        states = [run["state_type"] for run in self.retrainings()]
        done = len(states) >= attempt and states[attempt - 1] in DONE
        return states[attempt - 1] if done else None

    def triggers(self) -> list[dict[str, Any]]:
        keys = [key for key in self.store.keys(f"drift/{NAME}/triggers") if "outcome" not in key]
        return [json.loads(self.store.read(key)) for key in keys]


def test_a_week_runs_by_itself(team: Team, tiny_model: Path, tmp_path: Path) -> None:
    week = Week(team)
    write_conversations(team.rows)
    file = team.deploy_model(NAME, tmp_path, tiny_model)
    # The tiny model's tokenizer makes some of the log's rows longer than its context.
    left_out = "max_left_out_share = 0.05"
    text = file.read_text()
    assert f"# {left_out}" in text
    file.write_text(text.replace(f"# {left_out}", left_out.replace("0.05", "0.2")))
    team.paddock("deploy", str(file))
    front = team.api(f"/deployments/{team.deployment(f'retrain/{NAME}')}")["parameters"]
    asked: dict[str, Any] = front["parameters"] | {"name": NAME, "num_train_epochs": 1}
    assert week.run("retrain", asked, ("mlflow",)) == "COMPLETED"
    week.approve(1)

    statuses: list[str] = []
    killed = (("worker",), ("webhooks", "prefect"), ("metrics",), (), ("mlflow", "metrics"))
    for number, day in enumerate(DAYS[:5]):
        week.traffic(day, 1, drifted=number >= FIRST_DRIFTED)
        statuses.append(week.night(day, *killed[number]))
    _say(f"verdicts: {statuses}")
    assert statuses == ["quiet"] * 3 + ["drifted"] * 2
    assert len(week.triggers()) == 1

    wait_for(lambda: week.retrainings() or None, 240)
    week.kill("worker")  # in the midst of its retraining
    first = week.again(lambda: wait_for(lambda: week.retrained(1), 600))
    _say(f"the retraining that lost its worker: {first}")
    if first != "COMPLETED":  # the next look starts it again
        assert week.night(DAYS[4]) == "drifted"
        wait_for(lambda: len(week.triggers()) > 1 or None, 60)
        assert week.again(lambda: wait_for(lambda: week.retrained(2), 900)) == "COMPLETED"
    week.kill("prefect")
    week.kill("webhooks")
    week.approve(2)

    later: list[str] = []
    for day in DAYS[5:]:
        week.traffic(day, 2, drifted=True)  # the same new questions, which it has learned
        later.append(week.night(day))
    _say(f"verdicts after it: {later}")
    assert later == ["quiet"] * 2
    assert set(week.kills) == {line.partition(":")[0] for line in PROCFILE.read_text().splitlines()}
    assert all(count >= 2 for count in week.kills.values()), week.kills
    at = f"http://127.0.0.1:{team.environment['PADDOCK_METRICS_PORT']}/metrics"
    assert f'paddock_serving_version{{model="{NAME}"}} 2.0' in str(week.again(lambda: ask(at)))
    _told(team, week)


def _told(team: Team, week: Week) -> None:
    weeks = {f"{datetime.fromisoformat(day):%G-W%V}" for day in DAYS} | {
        f"{datetime.now(UTC):%G-W%V}"
    }
    for name in sorted(weeks):
        assert week.run("weekly_report", {"name": NAME, "week": name}) == "COMPLETED"
    said = "".join(
        path.read_text() for path in sorted((team.home / f"store/reports/{NAME}").glob("*.md"))
    )
    print(said)
    assert "Version 1, 2 served; the champion moved 2 times." in said
    assert said.count("| drifted |") == 2
    assert "retraining: completed" in said
    assert "2 runs ended in a candidate; 2 of them passed its gates." in said
