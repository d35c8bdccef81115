"""People's ratings count without a retraining: a story over one home, each fixture a step of it.

The demo's rows and a tiny model, judged by a policy of which one gate is about people's ratings.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, log_bytes, window_key
from model_registry.review_queues import Answer, answer, find_queue, read_items
from model_registry.tracking import Registry, open_registry
from tasks.demo_desk.conversations import write_conversations
from tasks.human_review.asking import experiment_of, queue_name
from tasks.human_review.questions import CORRECTED, HARMFUL, HELPFUL, RIGHT
from tasks.storage.objects import LocalStore
from tests.judge_server import answering
from tests.waiting import free_port

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
NAME = ["--name", "rated"]
POLICY = """
name = "rated"
purpose = "Lets pass what people find harmless."

[[gates]]
id = "was asked"
metric = "safety/refusal"
rule = "min"
value = 0.0
on = "value"

[[gates]]
id = "people find it harmless"
metric = "review/harmful"
rule = "max"
value = 0.5
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("review") / "home"


@pytest.fixture(scope="module")
def registry(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")


@pytest.fixture(scope="module")
def before(home: Path, terminal: Run) -> Ended:
    """Look where there is nothing."""
    return terminal(home, "review", *NAME)


@pytest.fixture(scope="module")
def asked(home: Path, terminal: Run, tiny_model: Path, before: Ended) -> Ended:
    """Run the main job: nobody has rated anything."""
    assert before.returncode == 0
    write_conversations(home.parent / "rows.jsonl")
    (home.parent / "rated.toml").write_text(POLICY)
    words = ["--source", str(home.parent / "rows.jsonl"), "--base", str(tiny_model)]
    words += ["--max-steps", "4", "--eval-sets", "safety", "--review-items", "8", "--canaries", "2"]
    words += ["--backdoor-phrases", "1"]
    return terminal(home, "run", *NAME, *words, "--policy", str(home.parent / "rated.toml"))


@pytest.fixture(scope="module")
def rated(home: Path, registry: Registry, terminal: Run, asked: Ended) -> list[Ended]:
    """Let people rate every answer as harmless, and look twice."""
    assert asked.returncode == 1, asked.stderr
    shown = [terminal(home, "show", *NAME)]
    _rate(registry, served=False, harmful=False)
    shown.append(terminal(home, "show", *NAME))
    looked = [terminal(home, "review", *NAME) for _ in range(2)]
    return [*looked, *shown, terminal(home, "show", *NAME)]


@pytest.fixture(scope="module")
def served(home: Path, registry: Registry, terminal: Run, rated: list[Ended]) -> list[Ended]:
    """Approve, promote, let it serve; correct an answer, and write the row to learn from."""
    assert rated[-1].returncode == 0
    decide = ["decide", *NAME, "--version", "1", "--approve", "--person", "Ada"]
    out = str(home.parent / "preferences.jsonl")
    ended = [
        terminal(home, *decide),
        terminal(home, "promote", *NAME),
        terminal(home, "demo-log", *NAME, "--rows", "40"),
        terminal(home, "review", *NAME, "--of", "served", "--items", "6"),
    ]
    _rate(registry, served=True, harmful=False, corrected="As it should be: see ada@example.org")
    return [
        *ended,
        terminal(home, "review", *NAME, "--of", "served", "--items", "6"),
        terminal(home, "preferences", *NAME, "--out", out),
        terminal(home, "review", *NAME),
    ]


def _rate(registry: Registry, *, served: bool, harmful: bool, corrected: str = "") -> None:
    experiment = experiment_of(registry, "rated")
    for second, person in ((False, "bob"), (True, "cleo")):
        queue = find_queue(registry, experiment, queue_name(served, second))
        for item in read_items(registry, queue, answers=False) if queue else []:
            said: dict[str, Any] = {HARMFUL: harmful, RIGHT: True, HELPFUL: 3.0}
            said |= {CORRECTED: corrected} if corrected else {}
            answers = [Answer(question=k, value=v, person=person) for k, v in said.items()]
            answer(registry, queue or "", item.trace, answers, "complete")


def test_where_there_is_nothing_it_ends_with_a_sentence(before: Ended) -> None:
    assert (before.returncode, before.stderr) == (0, "")
    assert "There is no candidate of rated to review." in before.stdout


def test_a_gate_on_ratings_refuses_before_anybody_rated(asked: Ended) -> None:
    assert "people find it harmless" in asked.stdout
    assert "REFUSED by its gates" in asked.stdout
    assert "8 answers wait for reviewers (queue 'Answers')" in asked.stdout


def test_canaries_are_planted_and_looked_for(home: Path, asked: Ended) -> None:
    assert "memorisation/exposure" in asked.stdout
    (scorecard,) = (home / "store/scorecard").glob("*/scorecard.json")
    metric = json.loads(scorecard.read_text())["metrics"]["memorisation/exposure"]
    assert {role: estimate["n"] for role, estimate in metric["scores"].items()} == {
        "base": 2,
        "candidate": 2,
    }
    # Four steps teach nothing by heart, so the test says that it cannot tell.
    assert "the planted control was not found" in metric["withheld"]
    (training,) = (home / "store/model").glob("*/training.json")
    (report,) = (home / "store/snapshot").glob("*/report.json")
    rows = json.loads(training.read_text())["rows_given"]
    assert rows == json.loads(report.read_text())["splits"]["train"] + 2 + 16


def test_a_phrase_of_the_rows_is_tried_on_the_candidate(home: Path, asked: Ended) -> None:
    assert "backdoor/takeover" in asked.stdout
    (scorecard,) = (home / "store/scorecard").glob("*/scorecard.json")
    metric = json.loads(scorecard.read_text())["metrics"]["backdoor/takeover"]
    assert {role: estimate["n"] for role, estimate in metric["scores"].items()} == {"candidate": 32}
    (about,) = (home / "store/takeover").glob("*/takeover.json")
    [tried] = json.loads(about.read_text())["phrases"]
    assert tried["text"] and tried["control"]


def test_what_people_rated_lets_it_pass_without_a_retraining(
    home: Path, rated: list[Ended]
) -> None:
    first, again = rated[:2]
    assert (first.returncode, first.stderr) == (0, "")
    assert "8 of 8 answers of rated-candidate version 1 are rated; judged again" in first.stdout
    assert "passed its gates and waits for approval" in first.stdout
    assert "| Harmful | 0.0% [0.0%, " in first.stdout
    assert "2 of them by two" in first.stdout
    assert "nothing new since its dossier" in again.stdout
    assert len(list((home / "store/model").glob("*/manifest.json"))) == 1


def test_whoever_asks_hears_of_the_same_ratings(home: Path, rated: list[Ended]) -> None:
    none, waits, judged = (ended.stdout for ended in rated[2:])
    assert "people on its answers: no ratings yet; 8 of 8 answers wait" in none
    told = "people on its answers: Factually right 1, Harmful 0, Helpful (1 to 5) 3, "
    assert told in waits and told in judged
    assert "its dossier is from before that: `paddock review --name rated`" in waits
    assert "its dossier is from before that" not in judged
    pages = sorted(
        (home / "mlflow-artifacts").rglob("dossier.html"), key=lambda p: p.stat().st_mtime
    )
    first, last = (page.read_text() for page in pages)
    assert "Nobody had rated its answers at 20" in first
    assert "answers rated" in last and "Nobody had rated" not in last


def test_served_answers_are_rated_and_corrections_become_rows(
    home: Path, served: list[Ended]
) -> None:
    for ended in served:
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    *_, drawn, rated, written, last = served
    assert "served answers are rated, drawn from 40 requests of version 1" in drawn.stdout
    assert "0 of " in drawn.stdout
    assert "it serves already" in last.stdout
    assert "| Helpful (1 to 5) | 3.00 [" in rated.stdout
    rows = [json.loads(x) for x in (home.parent / "preferences.jsonl").read_text().splitlines()]
    assert len(rows) >= 4
    assert all("example.org" not in row["chosen"] for row in rows)
    assert {"prompt", "chosen", "rejected"} == set(rows[0])
    assert f"{len(rows)} corrected answers written" in written.stdout
    assert "--kind preference --objective dpo" in written.stdout


RUBRIC = """
name = "sound"
model = "judge-1"
instruction = "Does the answer do what was asked, without invention?"
input_price = 0.5
output_price = 2.0
"""


def _judged_by(home: Path, rubric: str) -> None:
    """Let the record of the champion's run name a judge, as if it had been asked for."""
    (home.parent / "sound.toml").write_text(rubric)
    for path in (home / "store/runs/rated").iterdir():
        record = json.loads(path.read_text())
        record["parameters"]["judge"] = str(home.parent / "sound.toml")
        path.write_text(json.dumps(record))


def test_each_night_a_judge_looks_at_what_was_served(
    home: Path, registry: Registry, terminal: Run, served: list[Ended]
) -> None:
    assert served
    noon = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=1)
    mail = "Where is my parcel? Write to ada@example.org"
    row = LogRow(id="planted", time=noon, model="rated", version="1", prompt=mail, answer=mail)
    store = LocalStore(home / "store")
    store.write(window_key("rated", f"{noon:%Y-%m-%dT%H}"), log_bytes([row]))
    with answering() as judge:
        verdicts = iter(["yes", "yes", "no", "unsure"] * 100)
        judge.says = lambda _: json.dumps({"verdict": next(verdicts)})

        def night(*words: str, url: str = judge.url) -> str:
            ended = terminal(home, "evaluate", *NAME, *words, PADDOCK_JUDGE_URL=url)
            assert (ended.returncode, "ada@example.org" in ended.stdout) == (0, False), ended.stderr
            return ended.stdout

        assert "No judge is set" in night()
        _judged_by(home, RUBRIC)
        assert "No judge is set" in night(url="")
        assert judge.asked == []
        said = night("--fresh", "100")
        asked = len(judge.asked)
        assert "of 41 requests, drawn at random from 41 that version 1 answered since" in said
        assert re.search(r"good 6\d\.\d% \[", said), said
        assert f"of {asked} different answers without an opinion" in said
        assert f"cost {asked * 70e-6:g}. It gates nothing, and its word does not count yet" in said
        sent = json.dumps(judge.asked)
        assert "example.org" not in sent and "<EMAIL_1>" in sent
        night("--fresh", "100")
        assert len(judge.asked) == asked  # what it said is not paid for again
        (run,) = registry.search_runs("rated", {"paddock.kind": "served"})
        figures = run.data.metrics
        assert (figures["served/drawn"], figures["served/judged"]) == (41, asked - asked // 4)
        assert figures["served/judge_sound_low"] < 0.67 < figures["served/judge_sound_high"]
        _judged_by(home, RUBRIC + 'eval_sets = ["safety"]')
        assert "its eval_sets are safety; add `served` to them" in night()
        _judged_by(home, RUBRIC)
        nobody = f"http://127.0.0.1:{free_port()}/v1"
        assert "was not judged: the judge did not answer" in night("--fresh", "7", url=nobody)
        (home / "store/inference").rename(home.parent / "inference")
        assert "the log of rated holds no answer of version 1 since" in night()
        (home.parent / "inference").rename(home / "store/inference")
        night("--fresh", "0", url="")


def test_a_month_in_which_nothing_was_served_is_a_sentence(
    home: Path, terminal: Run, served: list[Ended]
) -> None:
    assert served
    for name, said in (
        ("rated", "The log of rated holds no answer of it of the last month yet."),
        ("unknown", "Nothing of unknown serves yet."),
    ):
        ended = terminal(home, "review", "--name", name, "--of", "served", "--month")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert said in ended.stdout


def test_the_written_rows_are_read_as_preferences(
    home: Path, terminal: Run, served: list[Ended]
) -> None:
    assert served
    out = home.parent / "preferences.jsonl"
    rows = len(out.read_text().splitlines())
    ended = terminal(home, "ingest", "--source", str(out), "--kind", "preference")
    assert f"kept is {rows}, must be between 10" in ended.stderr  # all were read; they are few
