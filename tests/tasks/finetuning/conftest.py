"""Real snapshots, jobs on a tiny base with dropout, one finished run, and the embedded base."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import folder_digest
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.kinds.preference import PreferenceRecord
from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Message, Record, Split
from data_contracts.snapshot.reading import read_records
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe, TrainingJob, TrainingSummary
from tasks.finetuning.tokenizing import encode
from tasks.finetuning.train_process import train
from tasks.finetuning.trainer import Trainer
from tasks.models.loading import load_model
from tests.documents import write_snapshot

GOODS = ["tent", "stove", "rope", "mug", "lamp", "boots", "map", "sled"]
CONVERT = """
import sys
from pathlib import Path
from tasks.finetuning.base_model import locate, materialize
out = Path(sys.argv[1])
materialize(locate("smollm2-135m-instruct", Path, None, out), out)
"""
MakeJob = Callable[..., TrainingJob]
MakeSnapshot = Callable[[RecordKind], Path]


@dataclass(frozen=True)
class Finished:
    """A run that nothing disturbed."""

    job: TrainingJob
    summary: TrainingSummary
    events: list[dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put off what waits for the embedded base, which is converted meanwhile."""
    slow = {"embedded_base", "tokenizer"}
    items.sort(key=lambda item: bool(slow & set(getattr(item, "fixturenames", ()))))


def rows_of(kind: RecordKind) -> list[Record]:
    """Return 32 records of a kind, of lengths that differ."""
    made: list[Record] = []
    for number in range(32):
        good, more = GOODS[number % 8], " and more" * (number // 8)
        ask, tell = f"What does the {good} cost{more}?", f"The {good} costs {number} euros{more}."
        if kind == "chat":
            turns = [Message(role="user", content=ask), Message(role="assistant", content=tell)]
            made.append(ChatRecord(messages=tuple(turns * (1 + number % 2))))
        elif kind == "instruction":
            made.append(InstructionRecord(instruction=ask, input=good, output=tell))
        elif kind == "preference":
            made.append(PreferenceRecord(prompt=ask, chosen=tell, rejected="No."))
        else:
            made.append(DocumentRecord(text=f"{ask} {tell}"))
    return made


@pytest.fixture(scope="session")
def write_rows() -> Callable[..., None]:
    """Return the function that writes a snapshot of given records."""
    return write_snapshot


@pytest.fixture(scope="session")
def make_snapshot(tmp_path_factory: pytest.TempPathFactory) -> MakeSnapshot:
    def make(kind: RecordKind) -> Path:
        folder = tmp_path_factory.mktemp(f"snapshot-{kind}") / "files"
        rows = rows_of(kind)
        split: list[tuple[Split, Record]] = [("train", row) for row in rows[:28]]
        write_snapshot(folder, kind, [*split, *(("validation", row) for row in rows[28:])])
        return folder

    return make


@pytest.fixture(scope="session")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with dropout, so that a rerun has something random to repeat."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.1}))
    return folder


@pytest.fixture(scope="session")
def make_job(base: Path, make_snapshot: MakeSnapshot) -> MakeJob:
    """Jobs over one chat snapshot: 48 steps, a checkpoint every 2 (other settings: by name)."""
    chats = make_snapshot("chat")

    def make(out: Path, *, kind: RecordKind = "chat", **changed: Any) -> TrainingJob:
        out.mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {
            "base": str(base),
            "base_name": "tiny",
            "base_digest": folder_digest(base),
            "snapshot": str(chats if kind == "chat" else make_snapshot(kind)),
            "save_steps": 2,
            **{name: changed.pop(name) for name in set(changed) & set(TrainingJob.model_fields)},
        }
        small = {"max_seq_length": 192, "num_train_epochs": 3, "lora_r": 4, "precision": "fp32"}
        recipe = Recipe.model_validate({**small, **changed})
        return TrainingJob(kind=kind, out=str(out), recipe=recipe, **settings)

    return make


@pytest.fixture(scope="session")
def finished(make_job: MakeJob, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run to its end, in this process."""
    job = make_job(tmp_path_factory.mktemp("finished") / "out")
    events: list[dict[str, Any]] = []
    return Finished(job, train(job, Path(job.out), events.append), events)


@pytest.fixture(autouse=True)
def own_signals() -> Generator[None]:
    """Give pytest its signal handlers back: a trainer takes them."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def conversion(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, Any]]:
    """Convert the embedded base beside the tests that need none of it: it takes some 20 s."""
    folder = tmp_path_factory.mktemp("embedded")
    process = subprocess.Popen([sys.executable, "-c", CONVERT, folder], stderr=subprocess.PIPE)
    yield folder, process
    process.kill()
    process.communicate()


@pytest.fixture(scope="session")
def embedded_base(conversion: tuple[Path, Any]) -> Path:
    """Return the folder of the embedded base model, converted from its package."""
    folder, process = conversion
    errors = process.communicate(timeout=300)[1] if process.returncode is None else b""
    assert process.returncode == 0, errors.decode()[-2000:]
    return folder


@pytest.fixture
def make_trainer(tiny_model: Path, make_snapshot: Callable[[RecordKind], Path]) -> Any:
    snapshot = make_snapshot("chat")

    def make(**changed: Any) -> Trainer:
        import torch

        dtype = "bfloat16" if changed.get("precision") == "bf16" else "float32"
        model, tokenizer = load_model(tiny_model, dtype=dtype)
        examples = encode(read_records(snapshot, "train"), tokenizer, 192)
        plain = {"method": "full", "precision": "fp32", "max_seq_length": 192}
        recipe = Recipe.model_validate({**plain, **changed})
        return Trainer(model, recipe, Supervised(examples), torch.device("cpu"))

    return make
