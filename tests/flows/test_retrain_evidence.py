"""What a training leaves to look at and to do again, and the budget that stops one; real runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import file_digest
from data_contracts.errors import PaddockError
from flows.asking.command_words import command_words
from flows.asking.parameters import RetrainParameters
from flows.command.cli import main
from model_registry.tracking import Registry, open_registry
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def home(planted_run: tuple[Path, Ended]) -> Path:
    return planted_run[0]


@pytest.fixture
def cheap_home(home: Path, tmp_path: Path) -> Path:
    """The home with its base model and its snapshot, and without what was made of them."""
    copy = tmp_path / "home"
    shutil.copytree(home / "store", copy / "store")
    shutil.copytree(home / "keys", copy / "keys")
    for stage in ("model", "answers", "likelihood", "scorecard"):
        shutil.rmtree(copy / "store" / stage)
    return copy


def model_folder(home: Path) -> Path:
    (manifest,) = (home / "store/model").glob("*/manifest.json")
    return manifest.parent


def training_run(home: Path, name: str) -> tuple[Registry, Any]:
    registry = open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
    experiment = registry.experiment(name)
    (run,) = registry.client.search_runs([experiment], "attributes.run_name LIKE 'train %'")
    return registry, run


def summary(home: Path, name: str) -> dict[str, Any]:
    newest = sorted((home / "store/runs" / name).glob("*.json"))[-1]
    return json.loads(newest.read_text())


def test_mlflow_holds_every_step_the_machine_and_the_way_to_do_it_again(home: Path) -> None:
    registry, run = training_run(home, "shelves")
    for name in ("loss", "learning_rate", "tokens_per_second", "memory_gib", "gradient_norm"):
        history = registry.client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in history] == [1, 2, 3, 4], name
    training = json.loads((model_folder(home) / "training.json").read_text())
    losses = registry.client.get_metric_history(run.info.run_id, "loss")
    assert [point.value for point in losses] == pytest.approx(training["losses"])
    assert run.data.metrics["seconds"] > 0 and "cost" not in run.data.metrics
    assert {"system/cpu_utilization_percentage", "system/disk_usage_percentage"} <= set(
        run.data.metrics
    )
    files = set(registry.names_at(registry.artifact_uri(run.info.run_id)))
    assert {"training.json", "loss.png", "reproduce.json", "reproduce.md"} <= files
    assert run.info.status == "FINISHED"


def test_what_became_of_the_rows_is_told_wherever_the_training_is(
    home: Path, planted_run: tuple[Path, Ended]
) -> None:
    _, run = training_run(home, "shelves")
    training = json.loads((model_folder(home) / "training.json").read_text())
    [said, weights] = training["notes"]
    assert f"{training['rows']} of {training['rows_given']} rows train" in said
    assert "512 tokens (chosen from the data" in said and said.endswith("0 left out")
    logged = run.data.params
    assert logged["rows_trained"] == str(training["rows"]) and logged["row_length"] == "512"
    assert logged["rows_left_out"] == logged["rows_cut"] == "0"
    (card,) = home.glob("mlflow-artifacts/**/MODEL_CARD.md")
    written = (model_folder(home) / "about/reproduce.md").read_text()
    for place in (card.read_text(), written):
        assert f"- {said}" in place and f"- {weights}" in place
    out = " ".join(planted_run[1].stdout.split())
    assert out.count(said) == 2 and weights in out  # as it was found, and in the summary
    again = json.loads((model_folder(home) / "about/reproduce.json").read_text())
    assert again["job"]["recipe"]["max_seq_length"] == 512
    assert again["parameters"]["max_seq_length"] is None


def test_the_written_command_finds_every_stage_finished(
    home: Path, terminal: Run, run_words: list[str], manifests: Manifests
) -> None:
    made = json.loads((model_folder(home) / "about/reproduce.json").read_text())
    text = (model_folder(home) / "about/reproduce.md").read_text()
    block = text.split("```sh\n")[1].split("```")[0]
    joined = block.replace("\\\n", "")  # as a shell reads a line that goes on
    assert shlex.split(joined) == made["command"]
    assert made["command"][0] == "paddock" and made["fingerprint"] in text
    before = manifests(home)
    ended = terminal(home, *made["command"][1:])
    assert "Stages     0 run (none)" in ended.stdout, ended.stderr
    assert manifests(home) == before
    assert str(home) not in text  # nothing of where this run happened to be
    paths = set(re.findall(r"/[\w/.-]*tmp[\w/.-]*", text))
    assert paths <= {word for word in run_words if word.startswith("/")}


def test_the_training_alone_makes_the_same_bytes_again(home: Path, tmp_path: Path) -> None:
    made = json.loads((model_folder(home) / "about/reproduce.json").read_text())
    assert made["train_command"] == ["python", "-m", "tasks.finetuning.train_process", "job.json"]
    text = (model_folder(home) / "about/reproduce.md").read_text()
    block = text.split("```json\n")[1].split("```")[0]
    assert json.loads(block) == made["job"]
    (tmp_path / "out").mkdir()
    job = json.loads(block.replace("STORE", str(home / "store"))) | {"out": str(tmp_path / "out")}
    run_training(TrainingJob.model_validate(job), lambda _: None)
    for path in sorted((tmp_path / "out/model").iterdir()):
        assert file_digest(path) == file_digest(model_folder(home) / "model" / path.name), path


def test_what_is_written_down_is_what_it_ran_on(home: Path, manifests: Manifests) -> None:
    import torch

    made = json.loads((model_folder(home) / "about/reproduce.json").read_text())
    (model,) = manifests(home)["model"]
    assert made["code_revision"] == model["code_revision"]
    assert {made["base"]["digest"], made["snapshot"]["digest"]} == set(model["inputs"].values())
    # A build for CUDA adds "+cu130" to the version of the package.
    assert made["libraries"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert made["hardware"]["cores"] >= 1 and made["hardware"]["memory_gib"] >= 1
    assert RetrainParameters(**made["parameters"]).max_steps == 4
    assert made["seconds"] > 0 and made["cost"] is None


def test_a_budget_stops_at_a_checkpoint_and_more_money_goes_on(
    cheap_home: Path, terminal: Run, run_words: list[str]
) -> None:
    name = ["--name", "dear", "--save-steps", "2", "--gpu-hour-price", "360000"]
    words = [*run_words, *name]
    first = terminal(cheap_home, *words, "--budget", "5")
    assert first.returncode == 1
    assert re.search(r"training spent \d+\.\d\d of its budget of 5 and saved", first.stderr)
    assert "raise budget (now 5) and run again" in first.stderr
    (saved,) = (cheap_home / "work/model").glob("*/.checkpoints/*/complete.json")
    assert saved.parent.name == "step-00000002"
    registry, run = training_run(cheap_home, "dear")
    assert run.info.status == "FAILED"
    spent = run.data.metrics["cost"]

    again = terminal(cheap_home, *words, "--budget", "5")  # it is not trained any further
    assert again.returncode == 1
    assert re.search(r"has spent \d+\.\d\d of its budget of 5 already", again.stderr)
    assert "begins" not in again.stdout and "resumed" not in again.stdout

    last = terminal(cheap_home, *words, "--budget", "1e9")
    assert "REFUSED by its gates" in last.stdout
    registry, run = training_run(cheap_home, "dear")
    losses = registry.client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in losses] == [1, 2, 3, 4]
    assert run.info.status == "FINISHED" and run.data.metrics["cost"] > spent
    told = summary(cheap_home, "dear")
    assert told["cost"] == pytest.approx(100 * told["seconds"], rel=0.01)
    assert told["cost"] == pytest.approx(run.data.metrics["cost"], rel=0.01)
    assert re.search(r"took \d+ s, cost \d+\.\d\d\n", last.stdout)  # at 100 a second


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"source": "my rows/o'clock $HOME.jsonl", "names": False, "keep": ("Tarn 30", "--odd")},
        {"keep": ("Acme, Inc.", "the Tarn"), "eval_sets": ("safety",), "kind": "chat"},
        {"learning_rate": 3e-05, "gradient_checkpointing": False, "auto_batch": True},
        {"max_minutes": 0.5, "budget": 2.0, "method": "full", "seed": 0},
    ],
)
def test_a_command_that_is_written_down_asks_the_same(
    changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a shell's quoting and the command line's own reading."""
    parameters = RetrainParameters(**changed)
    words = shlex.split(shlex.join(command_words("run", parameters)))
    assert words[:2] == ["paddock", "run"] and len(words) == 2 + len(changed)
    read: list[RetrainParameters] = []

    def take(given: RetrainParameters, _: object) -> int:
        read.append(given)
        return 0

    from flows.command import commands

    monkeypatch.setitem(commands.COMMANDS, "run", commands.Command(RetrainParameters, take, "x"))
    assert main(words[1:]) == 0
    assert read == [parameters]


def test_a_budget_that_is_spent_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(PaddockError, match=r"has spent 2\.00 of its budget of 1 already"):
        run_training(_spent_job(tmp_path), lambda _: None)
    assert list(tmp_path.iterdir()) == []


def _spent_job(folder: Path) -> TrainingJob:
    spending = {"gpu_hour_price": 1.0, "budget": 1.0, "earlier_seconds": 7200.0}
    given = {"base": "x", "base_name": "x", "base_digest": "x", "snapshot": "x", "kind": "chat"}
    return TrainingJob.model_validate(
        {**given, "out": str(folder), "spending": spending, "recipe": {}}
    )
