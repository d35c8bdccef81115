"""The main job for real on a tiny model: one run, and the same again."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.showing.summary import RetrainSummary
from flows.showing.summary_text import outcome
from model_registry.candidates import Candidate, list_candidates, verify_files
from model_registry.dossier import read_dossier
from model_registry.signing import ensure_keys
from model_registry.tracking import Registry, open_registry
from tasks.human_review.rating import read_ratings
from tests.reviewing import sample_in

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
NAME = "shelves"


def registry_of(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")


def only_candidate(home: Path) -> Candidate:
    (candidate,) = list_candidates(registry_of(home), NAME)
    return candidate


def summaries(home: Path) -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in sorted((home / "store/runs" / NAME).iterdir())]


@pytest.fixture(scope="module")
def home(planted_run: tuple[Path, Ended]) -> Path:
    return planted_run[0]


def test_a_model_that_cannot_pass_is_refused_with_exit_code_1(
    planted_run: tuple[Path, Ended],
) -> None:
    _, ended = planted_run
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert "shelves-candidate version 1: REFUSED by its gates" in ended.stdout
    assert "10 run (base model, ingest, fine-tune" in ended.stdout
    missing = "the scorecard has no instruction_following/accuracy"
    assert f"FAIL  still follows instructions: missing: {missing}" in ended.stdout
    assert "nobody is asked to promote it" in ended.stdout


def test_every_row_is_accounted_for(home: Path, manifests: Manifests) -> None:
    rows = summaries(home)[0]["rows"]
    assert rows == {
        "in": 46,
        "kept": 42,
        "quarantined": 3,
        "duplicates": 1,
        "near-duplicates": 0,
        "evaluation leaks": 0,
        "dropped by policy": 0,
        "forgotten": 0,
    }
    (snapshot,) = manifests(home)["snapshot"]
    assert snapshot["counts"]["rows_in"] == 46
    assert summaries(home)[0]["quarantined"] == {
        "a message without text": 1,
        "an unknown role": 1,
        "bad JSON": 1,
    }
    kinds = {"PERSON", "ADDRESS", "EMAIL", "PHONE", "CARD", "IBAN", "SSN", "IP", "URL"}
    assert kinds <= set(summaries(home)[0]["redacted"])


def test_the_candidate_is_signed_and_can_be_walked_back(home: Path, manifests: Manifests) -> None:
    registry, keys, candidate = registry_of(home), ensure_keys(home / "keys"), only_candidate(home)
    with registry.downloaded(candidate.uri) as files:
        verify_files(registry, candidate.run, files, keys)
    dossier = read_dossier(registry, candidate, keys)
    assert not dossier.verdict.passed
    failed = {result.gate.id for result in dossier.verdict.gates if not result.passed}
    assert "still follows instructions" in failed
    made = manifests(home)
    digests = {stage: {entry["digest"] for entry in entries} for stage, entries in made.items()}
    assert {candidate.references["model"]} == digests["model"]
    assert {candidate.references["dataset"]} == digests["snapshot"]
    assert {candidate.references["base"]} == digests["base"]
    assert {dossier.scorecard_digest} == digests["scorecard"]
    (model,) = made["model"]
    assert set(model["inputs"].values()) == digests["snapshot"] | digests["base"]


def test_a_person_leads_to_the_model_that_learned_their_row(
    home: Path, terminal: Run, planted: dict[str, str], run_words: list[str]
) -> None:
    ended = terminal(home, "forget", "--subject", planted["subject"], "--dry-run")
    assert ended.returncode == 0, ended.stderr
    assert planted["subject"] not in ended.stdout
    lines = [line.split("  ", 1)[-1].strip() for line in ended.stdout.splitlines()]
    (source,) = [line for line in lines if line.startswith("rows.jsonl, line ")]
    assert source.startswith("rows.jsonl, line 3 (")
    (model,) = (home / "store/model").glob("*/manifest.json")
    assert f"trained: model/{model.parent.name}" in lines
    assert "registered: shelves-candidate version 1" in lines
    (again,) = [line for line in lines if line.startswith("1. paddock run ")]
    asked = dict(word.split("=", 1) for word in shlex.split(again)[3:])
    given = dict(zip(run_words[1::2], run_words[2::2], strict=True))
    assert asked == given
    assert "2. let people approve the new candidate: paddock promote --name shelves" in lines
    remove = lines[next(n for n, line in enumerate(lines) if line.startswith("3. then remove")) :]
    assert f"model/{model.parent.name}" in remove
    assert any(line.startswith("snapshot/") for line in remove)


def test_its_answers_wait_for_reviewers(home: Path) -> None:
    ratings = read_ratings(registry_of(home), NAME, sample_in(home))
    assert (ratings.items, ratings.complete, ratings.declined) == (24, 0, 0)


def test_the_same_again_makes_nothing_twice(
    home: Path, terminal: Run, run_words: list[str], manifests: Manifests
) -> None:
    before, candidate = manifests(home), only_candidate(home)
    ended = terminal(home, *run_words)
    assert ended.returncode == 1, ended.stderr
    assert "Stages     0 run (none)\n           10 found finished" in ended.stdout
    assert manifests(home) == before
    assert only_candidate(home) == candidate
    assert read_ratings(registry_of(home), NAME, sample_in(home)).items == 24
    first, *_, last = summaries(home)
    assert [stage["reused"] for stage in last["stages"]] == [True] * 10
    assert (last["version"], last["candidate_digest"]) == (1, first["candidate_digest"])
    # How long a user waited was measured once, when the answers were made.
    assert [line.partition(":")[0] for line in first["waits"]] == ["base", "candidate"]
    assert last["waits"] == first["waits"] and "12 cases alone; cpu" in first["waits"][1]
    assert f"One user at a time, measured when the answers were made\n  {last['waits'][0]}" in (
        ended.stdout
    )


def test_a_run_is_named_in_prefect_and_its_state_says_what_came_of_it(home: Path) -> None:
    with closing(sqlite3.connect(f"file:{home}/prefect.db?mode=ro", uri=True)) as database:
        name, said = database.execute(
            "SELECT run.name, state.message FROM flow_run run "
            "JOIN flow_run_state state ON state.id = run.state_id "
            "JOIN flow ON flow.id = run.flow_id WHERE flow.name = 'retrain' ORDER BY run.created"
        ).fetchone()
    assert re.fullmatch(rf"{NAME} retrain \d{{4}}-\d\d-\d\d \d\d:\d\d", name)
    refused = f"{NAME}-candidate version 1 was refused by its gates (fits its domain, "
    assert said.startswith(refused)
    again = outcome(RetrainSummary.model_validate(summaries(home)[-1]))
    assert again.startswith(f"Nothing new, all stages were finished before. {refused}")


def test_show_tells_of_runs_and_candidates(home: Path, terminal: Run) -> None:
    ended = terminal(home, "show", "--name", NAME)
    assert ended.returncode == 0
    assert f"version 1: refused, digest {only_candidate(home).digest[:16]}" in ended.stdout
    assert "champion  none" in ended.stdout
    assert "people on its answers: no ratings yet" in ended.stdout
    assert "42 of 46 rows, version 1 refused" in ended.stdout
    assert "none; `paddock run` makes one" in terminal(home, "show", "--name", "other").stdout


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    home: Path, tmp_path: Path, terminal: Run, run_words: list[str], manifests: Manifests
) -> None:
    titles = ("base", "snapshot", "model", "answers and scores")
    fresh = terminal(tmp_path / "home", *run_words, "--dry-run")
    assert (fresh.returncode, fresh.stderr) == (0, "")
    assert "rows     46" in fresh.stdout
    for title in titles:
        assert f"{title:20s} run, about" in fresh.stdout
    # The home's databases and keys are not made either.
    made = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [path for path in made if "matplotlib" not in path.parts] == []

    before = manifests(home)
    done = terminal(home, *run_words, "--dry-run").stdout
    assert done.count("found, skip") == len(titles)
    other = terminal(home, *run_words, "--max-steps", "3", "--dry-run").stdout
    assert [f"{title:20s} found, skip" in other for title in titles] == [True, True, False, False]
    assert manifests(home) == before
