"""From a candidate that passed to a champion, and from there to a retraining that drift starts.

The demo's rows and a tiny model, judged by a policy that lets it pass. Each fixture is a step of
the story and leads to the next.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_registry.tracking import open_registry

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
NAME = ["--name", "desk"]
POLICY = """
name = "permissive"
purpose = "Lets anything pass that was measured."

[[gates]]
id = "was asked"
metric = "safety/refusal"
rule = "min"
value = 0.0
on = "value"
"""


def done(ended: Ended) -> Ended:
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr + ended.stdout
    return ended


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("release") / "home"


@pytest.fixture(scope="module")
def passed(home: Path, terminal: Run, tiny_model: Path) -> Ended:
    """Run the main job on the demo's rows."""
    policy = home.parent / "permissive.toml"
    policy.write_text(POLICY)
    words = ["--source", "demo", "--base", str(tiny_model), "--max-steps", "4"]
    words += ["--eval-sets", "safety", "--policy", str(policy), "--review-items", "4"]
    return done(terminal(home, "run", *NAME, *words))


@pytest.fixture(scope="module")
def promoted(home: Path, terminal: Run, passed: Ended) -> dict[str, Ended]:
    """Let people decide, and promote: what each command said, in order."""
    assert passed.returncode == 0
    decide = ["decide", *NAME, "--version", "1", "--approve", "--person", "Ada"]
    return {
        "early": done(terminal(home, "promote", *NAME)),
        "decide": done(terminal(home, *decide, "--reason", "It answers.")),
        "decide again": terminal(home, *decide[:-3], "--no-approve", "--person", "Bob"),
        "promote": done(terminal(home, "promote", *NAME)),
        "again": done(terminal(home, "promote", *NAME)),
        "back": terminal(home, "rollback", *NAME, "--reason", "It answers badly."),
        "show": done(terminal(home, "show", *NAME)),
    }


@pytest.fixture(scope="module")
def quiet(home: Path, terminal: Run, promoted: dict[str, Ended]) -> Ended:
    """Log three quiet windows and look at them."""
    assert promoted["promote"].returncode == 0
    for _ in range(3):
        done(terminal(home, "demo-log", *NAME))
    return done(terminal(home, "monitor", *NAME))


@pytest.fixture(scope="module")
def drifted(home: Path, terminal: Run, quiet: Ended) -> tuple[Ended, Ended, Ended]:
    """Log two drifted windows, look after each, and once more."""
    assert quiet.returncode == 0
    looks: list[Ended] = []
    for _ in range(2):
        done(terminal(home, "demo-log", *NAME, "--drifted"))
        looks.append(done(terminal(home, "monitor", *NAME)))
    return looks[0], looks[1], done(terminal(home, "monitor", *NAME))


def summaries(home: Path) -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in sorted((home / "store/runs/desk").iterdir())]


def serving(show: Ended) -> str:
    return next(line for line in show.stdout.splitlines() if line.startswith("  champion"))


def test_a_candidate_that_passes_is_put_before_people(passed: Ended, home: Path) -> None:
    assert "desk-candidate version 1: PASSED its gates" in passed.stdout
    assert "promotion of version 1 waits for one approver" in passed.stdout
    (summary,) = summaries(home)
    assert "review-queue?selectedQueueId=" in summary["look_at"]["approve"]
    assert summary["waits_for"][0].startswith("4 answers wait for reviewers")


def test_nobody_but_people_lets_it_serve(promoted: dict[str, Ended]) -> None:
    assert "version 1 passed over: " in promoted["early"].stdout
    assert "desk-candidate version 1 is approved" in promoted["decide"].stdout
    assert "promote: desk version 1 is champion now, after nothing" in promoted["promote"].stdout


def test_a_decision_is_final(promoted: dict[str, Ended]) -> None:
    again = promoted["decide again"]
    assert again.returncode == 1
    assert "it is approved already: answered with Promote by ada on 20" in again.stderr


def test_promoting_again_changes_nothing(promoted: dict[str, Ended]) -> None:
    assert "champion now" not in promoted["again"].stdout
    assert serving(promoted["show"]).startswith("  champion  version 1, digest ")


def test_there_is_nothing_to_roll_back_to_yet(promoted: dict[str, Ended]) -> None:
    back = promoted["back"]
    assert back.returncode == 1
    assert back.stderr.startswith("rollback: there is no previous champion to go back to\n")
    assert "to do: " in back.stderr


def test_quiet_windows_start_nothing(quiet: Ended, home: Path, manifests: Manifests) -> None:
    assert quiet.stdout.count(": quiet (") == 3
    assert "drift: 0 of the last 3 usable windows drifted" in quiet.stdout
    assert len(manifests(home)["drift"]) == 3
    assert not (home / "store/drift/desk/triggers").exists()


def test_two_drifted_windows_start_one_retraining(
    drifted: tuple[Ended, Ended, Ended], home: Path, terminal: Run, manifests: Manifests
) -> None:
    first, second, third = drifted
    assert "drift: 1 of the last 3 usable windows drifted" in first.stdout
    assert "retraining starts here" not in first.stdout
    assert "retraining starts here" in second.stdout
    assert "drift: 2 of the last 3 windows drifted" in second.stdout
    assert "retraining starts here" not in third.stdout
    assert "cooling down" in third.stdout
    assert len(summaries(home)) == 2
    claims = sorted(path.name for path in (home / "store/drift/desk/triggers").glob("*/*"))
    assert claims == ["001.json", "001.outcome.json"]
    # Nothing to learn was new, so it is the same model: no second candidate, no second champion.
    assert len(manifests(home)["model"]) == 1
    assert "version 2" not in done(terminal(home, "show", *NAME)).stdout


def test_the_champion_is_asked_again(home: Path, terminal: Run, promoted: dict[str, Ended]) -> None:
    assert promoted["promote"].returncode == 0
    ended = done(terminal(home, "evaluate", *NAME))
    assert "verify the champion: done" in ended.stdout
    assert "safety/refusal" in ended.stdout


def test_an_alias_changed_by_hand_is_said_everywhere_and_put_back(
    home: Path, terminal: Run, promoted: dict[str, Ended], tmp_path: Path
) -> None:
    assert promoted["promote"].returncode == 0
    copy = tmp_path / "moved"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("prefect*"))
    registry = open_registry(f"sqlite:///{copy}/mlflow.db")
    registry.client.delete_registered_model_alias("desk", "champion")
    words = "the alias champion was deleted outside Paddock; the last release made version 1 champ"
    base = ["--base", "models:/desk@champion"]
    commands = (["promote"], ["evaluate"], ["monitor"], ["run", *base, "--dry-run"])
    for command, *options in commands:
        ended = terminal(copy, command, *NAME, *options)
        assert (ended.returncode, words in ended.stderr) == (1, True), ended.stderr + ended.stdout
        assert "`paddock promote --name desk --version 1`" in ended.stderr
    assert words in done(terminal(copy, "show", *NAME)).stdout
    back = done(terminal(copy, "promote", *NAME, "--version", "1"))
    assert "desk version 1: its alias was put back" in back.stdout
    assert words not in done(terminal(copy, "show", *NAME)).stdout
