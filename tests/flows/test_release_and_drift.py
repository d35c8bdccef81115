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
from tasks.demo_desk.conversations import write_conversations

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
NAME = ["--name", "desk"]
GATE = '{id = "was asked", metric = "safety/refusal", rule = "min", value = 0.0, on = "value"}'
POLICY = f'name = "permissive"\npurpose = "Lets anything measured pass."\ngates = [{GATE}]\n'


def done(ended: Ended) -> Ended:
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr + ended.stdout
    return ended


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("release") / "home"


@pytest.fixture(scope="module")
def rows(home: Path) -> Path:
    """Write the demo's rows into a file of our own, to which others can be added."""
    path = home.parent / "rows.jsonl"
    write_conversations(path)
    return path


@pytest.fixture(scope="module")
def passed(home: Path, rows: Path, terminal: Run, tiny_model: Path) -> Ended:
    """Run the main job on the demo's rows."""
    policy = home.parent / "permissive.toml"
    policy.write_text(POLICY)
    words = ["--source", str(rows), "--base", str(tiny_model), "--max-steps", "4"]
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
def drifted(home: Path, terminal: Run, quiet: Ended) -> list[Ended]:
    """Log two drifted windows, look after each, and once more: all on the rows as they were."""
    assert quiet.returncode == 0
    done(terminal(home, "demo-log", *NAME, "--drifted"))
    first = done(terminal(home, "monitor", *NAME))
    done(terminal(home, "demo-log", *NAME, "--drifted"))
    return [first, *(terminal(home, "monitor", *NAME) for _ in range(2))]


@pytest.fixture(scope="module")
def alarmed(home: Path, terminal: Run, drifted: list[Ended]) -> Ended:
    """Show what stands after the drift."""
    assert drifted
    return done(terminal(home, "show", *NAME))


@pytest.fixture(scope="module")
def relearned(home: Path, rows: Path, terminal: Run, alarmed: Ended) -> list[Ended]:
    """Bring new rows, beside a trial run that is newer than the champion's, and look twice."""
    assert alarmed.returncode == 0
    with rows.open("a") as file:
        for number in range(40):
            turns = [("user", f"Do you ship to island {number}?"), ("assistant", "Yes, by boat.")]
            messages = [{"role": role, "content": text} for role, text in turns]
            file.write(json.dumps({"messages": messages}) + "\n")
    trial = summaries(home)[-1]
    trial["candidate_digest"], trial["parameters"]["max_steps"] = "f" * 64, 1
    (home / "store/runs/desk/2999-01-01T000000+0000.json").write_text(json.dumps(trial))
    return [done(terminal(home, "monitor", *NAME)) for _ in range(2)]


@pytest.fixture(scope="module")
def succeeded(home: Path, terminal: Run, relearned: list[Ended]) -> list[Ended]:
    """Promote what the drift has made, and look without and with new windows of its own."""
    assert relearned
    decide = ["decide", *NAME, "--version", "2", "--approve", "--person", "Ada"]
    done(terminal(home, *decide, "--reason", "It knows the islands."))
    done(terminal(home, "promote", *NAME))
    looks = [done(terminal(home, "monitor", *NAME, "--cooldown-hours", "0"))]
    for _ in range(2):
        done(terminal(home, "demo-log", *NAME, "--drifted"))
    looks.append(terminal(home, "monitor", *NAME, "--cooldown-hours", "0"))
    return looks


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


def test_drift_that_no_new_rows_can_answer_is_an_alert_and_starts_nothing(
    drifted: list[Ended], alarmed: Ended, home: Path, terminal: Run, manifests: Manifests
) -> None:
    first, *alerts = drifted
    assert "drift: 1 of the last 3 usable windows drifted" in first.stdout
    for look in alerts:
        assert look.returncode == 1
        assert "2 of the last 3 windows drifted" in look.stderr
        assert "nothing new to train on: the data are those that the champion" in look.stderr
        assert "retraining starts here" not in look.stdout
    assert "  ALERT: 2 of the last 3 windows drifted" in alarmed.stdout
    status = json.loads((home / "store/drift/desk/status.json").read_text())
    assert status["unanswered"]
    assert len(status["signals"]) == 8 and max(status["signals"].values()) >= 1
    assert not (home / "store/drift/desk/triggers").exists()
    assert len(manifests(home)["model"]) == 1
    told = done(terminal(home, "drift", "explain", *NAME)).stdout
    assert "would start a retraining now: 2 of the last 3 windows drifted" in told
    assert "8 signals drifted (new topics" in told


def test_with_new_rows_drift_starts_one_retraining_as_the_champions_was(
    relearned: list[Ended], home: Path, manifests: Manifests
) -> None:
    first, second = relearned
    assert "retraining starts here" in first.stdout
    assert "retraining starts here" not in second.stdout
    assert "cooling down" in second.stdout
    claims = sorted(path.name for path in (home / "store/drift/desk/triggers").glob("*/*"))
    assert claims == ["001.json", "001.outcome.json"]
    (outcome,) = (home / "store/drift/desk/triggers").glob("*/*.outcome.json")
    assert json.loads(outcome.read_text()) == {"outcome": "completed"}
    retrained = summaries(home)[-2]  # the trial says that it is of the future
    assert (retrained["version"], retrained["parameters"]["max_steps"]) == (2, 4)
    assert len(manifests(home)["model"]) == 2


def test_windows_of_the_champion_before_are_no_evidence_against_the_next(
    succeeded: list[Ended], home: Path
) -> None:
    before, after = succeeded
    assert before.stdout.count("    left out: 200 of another version") == 3
    assert "retraining starts here" not in before.stdout
    # Its own windows are; and again nothing is there that it has not learned.
    assert after.returncode == 1
    assert "nothing new to train on" in after.stderr
    assert len(list((home / "store/drift/desk/triggers").glob("*/*.outcome.json"))) == 1


def test_a_log_that_cannot_be_read_is_an_error_that_says_why(
    home: Path, terminal: Run, succeeded: list[Ended]
) -> None:
    assert succeeded
    row = {"id": 1, "time": "2998-12-31T06:00:00", "model": "desk", "prompt": "Hm?", "answer": ""}
    lines = "".join(json.dumps({**row, "id": number}) + "\n" for number in range(60))
    (home / "store/inference/desk/2998-12-31T14.jsonl").write_text(lines)
    look = terminal(home, "monitor", *NAME, "--no-retrain")
    assert look.returncode == 1
    assert "60 of 60 rows cannot be read (60 time without a zone)" in look.stderr
    assert "Hm?" not in look.stdout + look.stderr


def test_the_champion_is_asked_again(home: Path, terminal: Run, promoted: dict[str, Ended]) -> None:
    assert promoted["promote"].returncode == 0
    ended = done(terminal(home, "evaluate", *NAME))
    assert "verify the champion: done" in ended.stdout
    assert "safety/refusal" in ended.stdout


def test_an_adapter_is_asked_beside_the_champion_and_registered_nowhere(
    home: Path,
    terminal: Run,
    manifests: Manifests,
    promoted: dict[str, Ended],
    tiny_model: Path,
    tmp_path: Path,
) -> None:
    assert promoted["promote"].returncode == 0
    done(terminal(home, "evaluate", *NAME))
    trained = manifests(home)["model"][0]["digest"]
    before, versions = manifests(home), done(terminal(home, "show", *NAME)).stdout[8:]
    ended = done(terminal(home, "evaluate", *NAME, "--adapter", trained[:10]))
    assert "candidate minus champion (95% intervals" in ended.stdout
    assert "candidate: is adapter " in ended.stdout
    after = manifests(home)
    more = {stage: len(after[stage]) - len(before[stage]) for stage in after}
    added = {"answers": 1, "likelihood": 1, "scorecard": 1, "lost": 1}
    assert {stage: count for stage, count in more.items() if count} == added
    assert done(terminal(home, "show", *NAME)).stdout[8:] == versions  # behind the clock
    for given, said in ((str(tiny_model), "no adapter_config.json"), ("feedfeed", "begins so")):
        wrong = terminal(home, "evaluate", *NAME, "--adapter", given)
        assert (wrong.returncode, said in wrong.stderr) == (2, True), wrong.stderr
    assert manifests(home) == after


@pytest.mark.usefixtures("promoted")
def test_a_version_is_asked_by_its_number(home: Path, terminal: Run, tiny_model: Path) -> None:
    ask = ["evaluate", *NAME, "--base", str(tiny_model), "--eval-sets", "safety", "--model"]
    assert "candidate  models:/desk/1  " in done(terminal(home, *ask, "models:/desk/1")).stdout


def test_an_alias_changed_by_hand_is_said_everywhere_and_put_back(
    home: Path, terminal: Run, promoted: dict[str, Ended], tmp_path: Path
) -> None:
    assert promoted["promote"].returncode == 0
    copy = tmp_path / "moved"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("prefect*"))
    registry = open_registry(f"sqlite:///{copy}/mlflow.db")
    last = str(registry.client.get_model_version_by_alias("desk", "champion").version)
    registry.client.delete_registered_model_alias("desk", "champion")
    words = (
        f"alias champion was deleted outside Paddock; the last release made version {last} champ"
    )
    base = ["--base", "models:/desk@champion"]
    commands = (["promote"], ["evaluate"], ["monitor"], ["run", *base, "--dry-run"])
    for command, *options in commands:
        ended = terminal(copy, command, *NAME, *options)
        assert (ended.returncode, words in ended.stderr) == (1, True), ended.stderr + ended.stdout
        assert "`paddock reconcile --name desk`" in ended.stderr
    assert words in done(terminal(copy, "show", *NAME)).stdout
    back = done(terminal(copy, "reconcile"))
    assert f"{words}ion; put back: version {last} is the champion" in back.stdout
    assert words not in done(terminal(copy, "show", *NAME)).stdout
