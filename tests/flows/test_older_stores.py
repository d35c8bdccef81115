"""Stores that an earlier version made are found, or said to be of an older form.

`older_store/` is what revision 75d9676 wrote of a small ingestion and a short run of the demo:
manifests, a report, a run's summary and a window's result, without the rows and the weights.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs
from tasks.storage.stages import BASE, EVERY, MODEL, SNAPSHOT, Stage

Ended = subprocess.CompletedProcess[str]
OLDER = Path(__file__).with_name("older_store")
REVISION = "75d9676"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(OLDER / "store", tmp_path / "home/store")
    return tmp_path / "home"


@pytest.mark.parametrize(("stage", "recipe"), [(BASE, 2), (SNAPSHOT, 3), (MODEL, 2)])
def test_the_fingerprint_tells_which_recipe_made_an_output(
    stage: Stage, recipe: int, tmp_path: Path
) -> None:
    outputs = Outputs(LocalStore(OLDER / "store"), tmp_path)  # it notes there what was used
    ((reference, made),) = outputs.every(stage)
    assert made.code_revision.startswith(REVISION)
    changed = stage.recipe > recipe
    assert outputs.is_of_older_form(reference, stage) == changed
    assert (outputs.find(stage.of(made.inputs, made.parameters)) is None) == changed


def test_what_this_version_makes_is_of_no_older_form() -> None:
    for stage in EVERY:
        work = stage.of({"source": "s"}, {"seed": 7})
        assert not stage.is_of_older_form(work.inputs, work.parameters, work.fingerprint)


def test_a_snapshot_of_an_older_form_is_named_and_made_anew(
    home: Path, terminal: Callable[..., Ended], tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    shutil.copyfile(OLDER / "rows.jsonl", rows)
    words = ["--source", str(rows), "--kind", "instruction", "--no-names"]
    (older,) = (home / "store/snapshot").glob("*/manifest.json")
    said = f"snapshot {json.loads(older.read_text())['digest'][:16]} of these files is of an older"
    planned = terminal(home, "run", *words, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert said in planned.stdout and f"revision {REVISION}" in planned.stdout
    first, again = terminal(home, "ingest", *words), terminal(home, "ingest", *words)
    assert said in first.stdout, first.stderr
    assert "it stood there already" in again.stdout and said not in again.stdout
    other = tmp_path / "other.jsonl"
    other.write_text(rows.read_text().replace("box", "crate"))
    words[1] = str(other)
    assert said not in terminal(home, "ingest", *words).stdout


def test_its_runs_and_its_watch_are_shown(home: Path, terminal: Callable[..., Ended]) -> None:
    (kept,) = (home / "store/runs/help-desk").glob("*.json")
    run: dict[str, Any] = json.loads(kept.read_text())
    shown = terminal(home, "show")
    assert shown.returncode == 0, shown.stderr
    assert run["finished_at"] in shown.stdout
    assert "an earlier version looked" in shown.stdout
    shutil.rmtree(home / "store/drift")
    assert "nobody looked yet" in terminal(home, "show").stdout
