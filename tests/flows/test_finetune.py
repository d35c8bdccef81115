"""`finetune` through the command: a snapshot that stands in a store, a model, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from model_registry.tracking import open_registry

Ended = subprocess.CompletedProcess[str]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]


@pytest.fixture
def home(planted_run: tuple[Path, Ended], tmp_path: Path) -> Path:
    """A home with a snapshot and its base model, and without what was made of them."""
    copy = tmp_path / "home"
    for stage in ("base", "snapshot"):
        shutil.copytree(planted_run[0] / "store" / stage, copy / "store" / stage)
    return copy


def _in_prefect(place: Path) -> tuple[list[str], list[str]]:
    """Return the last two runs' state messages and summaries, the older first."""
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as database:
        told = [
            "select state.message from flow_run join flow_run_state as state on state.id = "
            "flow_run.state_id where flow_run.parent_task_run_id is null "
            "order by flow_run.created",
            "select data from artifact where key = 'summary' order by created",
        ]
        states, pages = ([str(row[0]) for row in database.execute(one)] for one in told)
    return states[-2:], [str(json.loads(page)) for page in pages[-2:]]


def test_a_snapshot_is_trained_on_and_nothing_is_registered(
    home: Path, terminal: Any, tiny_model: Path, manifests: Manifests
) -> None:
    (snapshot,) = manifests(home)["snapshot"]
    words = ["finetune", "--name", "trial", "--base", str(tiny_model), "--max-steps", "2"]
    words += ["--lora-dropout", "0.1", "--snapshot", snapshot["digest"][:12]]
    first = terminal(home, *words)
    assert first.returncode == 0, first.stderr
    (model,) = manifests(home)["model"]
    assert model["parameters"]["lora_dropout"] == 0.1
    for said in (model["digest"], snapshot["digest"], "2 steps, loss", "Left out", "/model"):
        assert said in first.stdout
    assert set(manifests(home)) == {"base", "snapshot", "model"}
    registry = open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
    assert registry.client.search_model_versions("name = 'trial'") == []
    runs = registry.client.search_runs([registry.experiment("trial")])
    assert [run.info.status for run in runs] == ["FINISHED"]
    again = terminal(home, *re.search(r"Again +paddock (.*)", first.stdout)[1].split())  # pyright: ignore[reportOptionalSubscript]
    assert "it stood there already" in again.stdout, again.stderr

    states, pages = _in_prefect(terminal.prefect_database)
    assert [state.startswith("Nothing new, ") for state in states] == [False, True]
    for told in (*states, *pages):
        assert "trial was trained: 2 steps, loss" in told and "nothing was registered" in told
    assert f"`{model['digest']}`" in pages[0] and "**Next:** set it beside the others" in pages[0]
    place, run = runs[0].info.experiment_id, runs[0].info.run_id
    assert f"/#/experiments/{place}/runs/{run}" in pages[0]

    wrong = terminal(home, *words[:-1], "0000beef")
    assert wrong.returncode == 2
    assert "finetune: there is no such snapshot" in wrong.stderr and "0000beef" in wrong.stderr
