"""Two models on one machine: nights side by side, promotions, who is on call, drift of one.

Real servers and a real worker, some minutes long: `make test-slow`. Whoever is on call needs
Chromium; pictures are kept in build/screenshots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_registry.versions import CHAMPION, version_at
from tasks.demo_desk.conversations import SEED, write_conversations
from tests.deploy.team import POLICY, Team, fill_field, logged_in, running, submit, wait_for
from tests.pictures import keep_picture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
DESKS = ("day-desk", "night-desk")
DAY, NIGHT = DESKS
DONE = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@pytest.fixture(scope="module")
def team(
    make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Generator[Team]:
    home = make_home(tmp_path_factory.mktemp("desks") / "home")
    with running(home, ended_by_command=True) as team:
        yield team


def _few_rows(team: Team, seed: int = SEED) -> None:
    """Write some of the demo's rows: what is asked here is who runs when."""
    write_conversations(team.rows, seed)
    team.rows.write_bytes(b"".join(team.rows.read_bytes().splitlines(keepends=True)[:300]))


def _night(team: Team) -> dict[str, list[dict[str, Any]]]:
    """Let the schedules of both retrainings come round at once; return their runs, by model."""
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()  # its schedulers look by then
    schedule = {"schedule": {"interval": 86_400, "anchor_date": soon}, "active": True}
    for desk in DESKS:
        team.api(f"/deployments/{team.deployment(f'retrain/{desk}')}/schedules", [schedule])

    def ended() -> dict[str, list[dict[str, Any]]] | None:
        runs = {desk: _scheduled(team, desk) for desk in DESKS}
        return runs if all(runs.values()) else None

    found = wait_for(ended, 480)
    for desk in DESKS:
        team.api(f"/deployments/{team.deployment(f'retrain/{desk}')}/pause_deployment", {})
    return found


def _scheduled(team: Team, desk: str) -> list[dict[str, Any]]:
    """Return the runs of a model's retraining that a schedule started and that ended."""
    runs = team.runs(f"retrain/{desk}")
    return [run for run in runs if run["auto_scheduled"] and run["state_type"] in DONE]


def _champion(team: Team, desk: str) -> str:
    return team.paddock("show", "--name", desk).partition("champion  ")[2].partition("\n")[0]


def _becomes_champion(team: Team, desk: str, number: int) -> None:
    """Wait for a version to serve, by MLflow's alias: the command would load all, each time."""
    registry = team.registry("promoter")

    def serves() -> bool | None:
        found = version_at(registry, desk, CHAMPION)
        return True if found and found.version == number else None

    wait_for(serves, 240)
    assert _champion(team, desk).startswith(f"version {number}")


def test_two_models_run_their_nights_side_by_side(
    team: Team, tiny_model: Path, tmp_path: Path
) -> None:
    _few_rows(team)
    for desk in DESKS:
        team.deploy_model(desk, tmp_path, tiny_model)
    nights = _night(team)
    for desk, runs in nights.items():
        assert {run["state_type"] for run in runs} == {"COMPLETED"}, runs
        assert all(run["name"].startswith(f"{desk} retrain 2") for run in runs)
        first = min(runs, key=lambda run: run["expected_start_time"])
        assert "passed its gates" in first["state"]["message"]
    waited = [
        state["message"]
        for runs in nights.values()
        for run in runs
        for state in team.api(f"/flow_run_states/?flow_run_id={run['id']}")
        if state["name"] == "Waiting"
    ]
    assert waited  # one machine: the second said for whom it waits
    assert any(waited[0].startswith(f"for {desk} retrain 2") for desk in DESKS)


def test_a_yes_to_each_makes_each_a_champion(team: Team) -> None:
    for desk in DESKS:
        assert _champion(team, desk) == "none"
        team.paddock("decide", "--name", desk, "--version", "1", "--approve", "--person", "you")
    for desk in DESKS:
        _becomes_champion(team, desk, 1)


def test_a_model_without_a_file_is_promoted_too(
    team: Team, tiny_model: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "permissive.toml"
    policy.write_text(POLICY)
    words = ["--name", "bare-desk", "--source", str(team.rows), "--base", str(tiny_model)]
    words += ["--policy", str(policy), "--eval-sets", "safety", "--max-steps", "4"]
    team.paddock("run", *words)
    team.paddock("decide", "--name", "bare-desk", "--version", "1", "--approve", "--person", "you")
    _becomes_champion(team, "bare-desk", 1)
    assert "No schedule retrains" in team.paddock("show", "--name", "bare-desk")


def test_who_is_on_call_sees_what_serves_and_takes_it_back(team: Team, browser: Any) -> None:
    _few_rows(team, seed=8)
    asked = team.runs(f"retrain/{DAY}")[0]["parameters"]["parameters"]
    assert team.start(f"retrain/{DAY}", asked) == "COMPLETED"
    team.paddock("decide", "--name", DAY, "--version", "2", "--approve", "--person", "you")
    _becomes_champion(team, DAY, 2)
    with logged_in(team, browser) as page:
        page.goto(f"{team.prefect}/runs?tab=flow-runs")
        page.get_by_text(f"{DAY} promote 2").first.wait_for()
        keep_picture(page, "on-call-runs")
        place = team.deployment(f"rollback/{DAY}")
        page.goto(f"{team.prefect}/deployments/deployment/{place}/run")
        page.get_by_text("Why; it is recorded with the rollback.").wait_for()
        fill_field(page, "Why; it is recorded with the rollback.", "it quotes old prices")
        keep_picture(page, "on-call-rollback-form")
        submit(page)
        run = wait_for(lambda: next(iter(team.runs(f"rollback/{DAY}", begun=False)), None), 60)
        assert team.ended(run["id"]) == "COMPLETED"
        page.goto(f"{team.prefect}/runs/flow-run/{run['id']}")
        page.get_by_text("it quotes old prices").first.wait_for()
        keep_picture(page, "on-call-rolled-back")
    assert _champion(team, DAY).startswith("version 1")
    history = json.dumps(json.loads(team.paddock("history", "--name", DAY, "--format", "json")))
    assert "it quotes old prices" in history
    assert _champion(team, NIGHT).startswith("version 1")  # the other one serves on


def test_a_quiet_log_starts_nothing_and_a_drifted_one_one_retraining(team: Team) -> None:
    _few_rows(team)  # as it was trained on
    before = len(team.runs(f"retrain/{NIGHT}"))
    for seed in ("7", "8"):
        team.paddock("demo-log", "--name", NIGHT, "--seed", seed)
    assert team.start(f"monitor_drift/{NIGHT}", {"name": NIGHT}) == "COMPLETED"
    assert len(team.runs(f"retrain/{NIGHT}")) == before
    for seed in ("7", "8"):
        team.paddock("demo-log", "--name", NIGHT, "--drifted", "--seed", seed)
    assert (
        team.start(f"monitor_drift/{NIGHT}", {"name": NIGHT}) == "FAILED"
    )  # nothing new to train on
    _few_rows(team, seed=8)
    looks = [team.start(f"monitor_drift/{NIGHT}", {"name": NIGHT}) for _ in range(2)]
    assert looks == ["COMPLETED", "COMPLETED"]
    started = wait_for(
        lambda: found if len(found := team.runs(f"retrain/{NIGHT}")) > before else None, 180
    )
    assert len(started) == before + 1
    retraining = next(run for run in started if "drift" in run["tags"])
    assert team.ended(retraining["id"]) == "COMPLETED"
    assert team.start(f"monitor_drift/{NIGHT}", {"name": NIGHT}) == "COMPLETED"
    assert len(team.runs(f"retrain/{NIGHT}")) == before + 1
