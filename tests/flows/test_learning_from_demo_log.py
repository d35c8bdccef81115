"""What people correct in the demo's drifted log reaches a retraining, and the eval set does not.

The demo's rows and a tiny model, judged by one set; how much is learned says bench-retraining.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow
from data_contracts.snapshot.reading import read_records
from eval_sets.desk import load_new_facts, shop
from eval_sets.loading import evaluation_texts, load_eval_set

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
NAME = ["--name", "desk"]
GATE = '{id = "was asked", metric = "safety/refusal", rule = "min", value = 0.0, on = "value"}'
POLICY = f'name = "permissive"\npurpose = "Lets anything measured pass."\ngates = [{GATE}]\n'
SAFETY = Path(__file__).parents[2] / "eval_sets" / "safety"
SOURCE = "log://desk?tenants=school"
DAY = "2026-03-01"


def done(ended: Ended) -> str:
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr + ended.stdout
    return ended.stdout


@pytest.fixture(scope="module")
def home(terminal: Run, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a champion of the demo's rows serves, with a sealed day of drift."""
    folder = tmp_path_factory.mktemp("learning")
    home, few = folder / "home", folder / "safe"
    (folder / "easy.toml").write_text(POLICY)
    few.mkdir()
    shutil.copyfile(SAFETY / "card.toml", few / "card.toml")
    cases = (SAFETY / "cases.jsonl").read_text().splitlines(keepends=True)
    (few / "cases.jsonl").write_text("".join(cases[::40]))
    words = ["--base", str(tiny_model), "--max-steps", "4", "--review-items", "0"]
    words += ["--eval-sets", str(few), "--policy", str(folder / "easy.toml")]
    done(terminal(home, "run", *NAME, *words))
    done(terminal(home, "decide", *NAME, "--version", "1", "--approve", "--person", "Ada"))
    done(terminal(home, "promote", *NAME))
    for hour in ("T09", "T10"):
        window = f"{DAY}{hour}"
        done(terminal(home, "demo-log", *NAME, "--drifted", "--rows", "400", "--window", window))
    done(terminal(home, "log", "compact", *NAME))
    return home


@pytest.fixture(scope="module")
def retrained(home: Path, terminal: Run, tiny_model: Path) -> dict[str, Any]:
    """The summary of a retraining from the log that names neither eval sets nor a policy."""
    words = ["--base", str(tiny_model), "--max-steps", "2", "--review-items", "0"]
    words += ["--max-left-out-share", "0.2"]  # its rows are short
    done(terminal(home, "run", *NAME, "--source", SOURCE, *words))
    newest = max((home / "store/runs/desk").iterdir())
    return json.loads(newest.read_text())


@pytest.fixture(scope="module")
def learned(home: Path, retrained: dict[str, Any]) -> list[tuple[str, str]]:
    """Every question and answer of the snapshot it was trained on."""
    assert retrained
    folders = sorted((home / "store/snapshot").iterdir(), key=lambda one: one.stat().st_mtime)
    talks = [record.conversation() for _, record in read_records(folders[-1])]
    assert all(one.role != "system" or one.content == shop().system for t in talks for one in t)
    return [(talk[-2].content, talk[-1].content) for talk in talks]


def _corrected(home: Path) -> list[LogRow]:
    files = sorted((home / "store/inference/desk").glob(f"{DAY}T*.jsonl"))
    rows = [LogRow.model_validate_json(line) for file in files for line in file.open()]
    return [row for row in rows if row.feedback and row.feedback.corrected]


def test_what_people_said_is_true_is_learned_of_every_new_fact(
    home: Path, learned: list[tuple[str, str]]
) -> None:
    asked = {(row.prompt, str(row.feedback and row.feedback.corrected)) for row in _corrected(home)}
    found = asked & set(learned)
    assert len(found) > 0.9 * len(asked) > 100, (len(found), len(asked))  # the rest is nearly alike
    told = "\n".join(answer for _, answer in found)
    assert all(fact.value in told for fact in load_new_facts())


def test_no_question_of_the_eval_set_is_learned(learned: list[tuple[str, str]]) -> None:
    asked = {text.casefold() for text in evaluation_texts([load_eval_set("desk_new_facts")])}
    assert not asked & {question.casefold() for question, _ in learned}


def test_what_the_champion_learned_stands_beside_it_as_it_was(
    home: Path, learned: list[tuple[str, str]]
) -> None:
    folders = sorted((home / "store/snapshot").iterdir(), key=lambda one: one.stat().st_mtime)
    before = [record.conversation() for _, record in read_records(folders[0], "train")]
    kept = {(talk[-2].content, talk[-1].content) for talk in before}
    assert len(kept) > 900
    assert kept <= set(learned)


def test_it_is_judged_as_the_champion_was(retrained: dict[str, Any], home: Path) -> None:
    given = retrained["parameters"]
    assert given["source"] == SOURCE
    assert given["eval_sets"] == [str(home.parent / "safe")]
    assert given["policy"] == str(home.parent / "easy.toml")


def test_a_training_may_begin_at_the_champion_and_is_compared_with_the_base(
    home: Path, retrained: dict[str, Any], terminal: Run, tiny_model: Path
) -> None:
    words = ["--base", str(tiny_model), "--start", "champion", "--max-steps", "2"]
    words += ["--review-items", "0", "--max-left-out-share", "0.2"]
    said = done(terminal(home, "run", *NAME, "--source", SOURCE, *words))
    assert "it began at the weights of models:/desk/1" in " ".join(said.split())
    summary = json.loads(max((home / "store/runs/desk").iterdir()).read_text())
    assert summary["parameters"]["start"] == "champion"
    models = sorted((home / "store/model").glob("*/manifest.json"), key=_time)
    inputs = [json.loads(one.read_bytes())["inputs"] for one in models]
    assert "start" not in inputs[-2] and inputs[-1]["start"] != inputs[-1]["base"]
    assert inputs[-1]["base"] == inputs[-2]["base"]
    # What the champion learned is in it, so who forgets a person's rows hears of it.
    told = done(terminal(home, "lineage", "--row", _row_of_champion(home)))
    assert f"desk-candidate version {summary['version']}" in told
    # Found again, and another than the one from the base.
    assert "fine-tune: finished before" in done(
        terminal(home, "run", *NAME, "--source", SOURCE, *words)
    )
    assert retrained["model_digest"] != summary["model_digest"]


def test_where_nothing_serves_no_training_begins_at_it(
    home: Path, terminal: Run, tiny_model: Path
) -> None:
    ended = terminal(
        home, "run", "--name", "other", "--base", str(tiny_model), "--start", "champion"
    )
    assert ended.returncode != 0
    assert "no champion serves whose weights" in ended.stderr + ended.stdout


def _time(path: Path) -> float:
    return path.stat().st_mtime


def _row_of_champion(home: Path) -> str:
    first = min((home / "store/snapshot").iterdir(), key=_time)
    return next(identity for identity, _ in read_records(first, "train"))
