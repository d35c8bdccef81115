"""A run resolves its source once, and refuses one that cannot be used before it fetches a model."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import IntegrityError
from flows.asking import inputs
from flows.asking.batch_parameters import BatchParameters
from flows.asking.parameters import IngestParameters, RetrainParameters
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.review_queues import find_queue, read_items
from tasks.human_review.asking import experiment_of
from tasks.ingestion.sources import Source, resolve

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch, home_environment: Any, tmp_path: Path) -> list[str]:
    """Return the list of sources that a flow in this process resolves, in order; sets its home."""
    every: list[str] = []

    def counted(source: str, *rest: Any) -> Source:
        every.append(source)
        return resolve(source, *rest)

    for name, value in home_environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(inputs, "resolve", counted)
    return every


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    told = [{"instruction": f"Shelf {n}?", "output": f"It holds {n} bolts."} for n in range(40)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in told))
    return path


@pytest.mark.usefixtures("prefect_server")
def test_ingest_resolves_once(resolved: list[str], rows: Path) -> None:
    from flows.ingestion import ingest

    asked = IngestParameters(source=str(rows), kind="instruction", names=False)
    made: list[Any] = [ingest(asked), ingest(asked)]  # what the states that it returns hold
    assert [done.reused for done in made] == [False, True]
    assert resolved == [str(rows)] * 2


@pytest.mark.usefixtures("prefect_server")
def test_a_whole_run_resolves_once(
    planted_run: tuple[Path, Ended], resolved: list[str], tmp_path: Path
) -> None:
    from flows.retraining import retrain

    shutil.copytree(planted_run[0], tmp_path / "home")
    kept = min((tmp_path / "home/store/runs/shelves").glob("*.json"))
    asked = RetrainParameters(**json.loads(kept.read_text())["parameters"])
    done: Any = retrain(asked)  # Prefect hands out what the state it returns holds
    assert {stage.title for stage in done.stages if stage.reused} >= {"ingest", "fine-tune"}
    assert resolved == [asked.source]


@pytest.mark.usefixtures("prefect_server", "resolved")
def test_a_batch_is_answered_by_verified_bytes_and_put_before_people(
    planted_run: tuple[Path, Ended], tmp_path: Path
) -> None:
    from flows.batch import batch

    shutil.copytree(planted_run[0], tmp_path / "home")
    requests = tmp_path / "requests.jsonl"
    envelope = {"method": "POST", "url": "/v1/chat/completions"}
    lines: list[str] = []
    for number in range(3):
        turns = [{"role": "user", "content": f"Has shelf {number} bolts?"}]
        body = {"model": "shelves-candidate/1", "messages": turns}
        lines.append(json.dumps({"custom_id": f"{number}", "body": body} | envelope))
    requests.write_text("\n".join(lines))
    asked = BatchParameters(
        file=str(requests), model="shelves-candidate/1", names=False, max_tokens=9, review=2
    )
    done: Any = batch(asked)  # Prefect hands out what the state it returns holds
    assert (done.answered, done.refused, done.rated) == (3, 0, "0 of 2 answers are rated")
    registry = Workshop(read_settings()).registry
    queue = find_queue(registry, experiment_of(registry, "shelves-batch"), "Served answers")
    assert queue and len(read_items(registry, queue, answers=False)) == 2
    [weights] = (tmp_path / "home/mlflow-artifacts").rglob("model/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError):
        batch(asked)


@pytest.mark.usefixtures("prefect_server")
def test_a_source_that_changes_within_a_run_is_an_error_and_not_read_differently(
    resolved: list[str], rows: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import finetuning
    from flows.retraining import retrain

    bring_in = finetuning.base_step

    def while_rows_change(*given: Any) -> Any:
        rows.write_text(rows.read_text().replace("bolts", "nails"))
        return bring_in(*given)

    monkeypatch.setattr(finetuning, "base_step", while_rows_change)
    with pytest.raises(IntegrityError, match="changed"):
        retrain(
            RetrainParameters(
                source=str(rows), kind="instruction", names=False, base=str(tiny_model)
            )
        )
    assert resolved == [str(rows)]


def test_what_cannot_be_used_is_refused_before_a_model_is_fetched(
    terminal: Callable[..., Ended], tiny_model: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"question": "a", "answer": "b"}\n' * 20)
    words = ["run", "--source", str(odd), "--kind", "instruction", "--base", str(tiny_model)]
    ended = terminal(tmp_path / "home", *words)
    assert ended.returncode == 2
    assert "the columns are question, answer" in ended.stderr
    assert not (tmp_path / "home/store/base").exists()
