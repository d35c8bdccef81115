"""Distillation: equal to the textbook, nearer to the teacher, and only with its vocabulary."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.kinds.registry import RecordKind
from data_contracts.snapshot.reading import read_records
from model_registry.model_files import load_tokenizer
from tasks.finetuning.objectives.distillation import (
    Distillation,
    DistillationSettings,
    Softening,
    chunked_distillation,
    load_teacher,
    require_same_vocabulary,
)
from tasks.finetuning.objectives.objective import units_of
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.tokenizing import Example, encode
from tasks.finetuning.train_process import train
from tasks.finetuning.trainer import Trainer
from tasks.models.attention.packed import use_varlen
from tasks.models.loading import load_model

MakeJob = Callable[..., TrainingJob]
SOFT = Softening(temperature=3.0, alpha=0.7)


def ignore(_: dict[str, Any]) -> None: ...


@pytest.fixture(scope="module")
def teacher(
    tiny_model: Path,
    make_snapshot: Callable[[RecordKind], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The tiny model, having learned the snapshot's chats."""
    import torch

    folder = tmp_path_factory.mktemp("teacher")
    model, tokenizer = load_model(tiny_model)
    examples = encode(read_records(make_snapshot("chat"), "train"), tokenizer, 192)
    settings = {"method": "full", "precision": "fp32", "max_seq_length": 192}
    recipe = Recipe.model_validate({**settings, "learning_rate": 5e-3, "num_train_epochs": 3})
    trainer = Trainer(model, recipe, Supervised(examples), torch.device("cpu"))
    trainer.run(folder / ".checkpoints", 999, ignore)
    shutil.copytree(tiny_model, folder / "model")
    model.save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def examples(tiny_model: Path, make_snapshot: Callable[[RecordKind], Path]) -> list[Example]:
    records = read_records(make_snapshot("chat"), "train")
    return encode(records, load_tokenizer(tiny_model), 192)[:6]


def textbook(student: Any, teacher: Any, examples: list[Example]) -> tuple[Any, Any]:
    """The mean loss and divergence, one document a forward, by the formula word for word."""
    import torch

    losses: list[Any] = []
    divergences: list[Any] = []
    for example in examples:
        ids, wanted = (
            torch.tensor([example.tokens]),
            torch.tensor([*map(bool, example.targets[1:])]),
        )
        with torch.no_grad():
            goal = (teacher(input_ids=ids).logits[0, :-1][wanted] / SOFT.temperature).softmax(-1)
        logits = student(input_ids=ids).logits[0, :-1][wanted]
        found = (logits / SOFT.temperature).softmax(-1)
        divergence = (goal * (goal.log() - found.log())).sum(-1)
        hard = -logits.softmax(-1).log()[torch.arange(len(logits)), ids[0, 1:][wanted]]
        losses.append(SOFT.alpha * SOFT.temperature**2 * divergence + (1 - SOFT.alpha) * hard)
        divergences.append(divergence)
    return torch.cat(losses).mean(), torch.cat(divergences).mean()


@pytest.mark.parametrize("logits", [2**26, 5000])
def test_loss_and_gradients_are_the_textbooks(
    tiny_model: Path,
    teacher: Path,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
    logits: int,
) -> None:
    import torch

    plain, packed = load_model(tiny_model)[0], load_model(tiny_model)[0]
    expected, divergence = textbook(plain, load_model(teacher)[0], examples)
    expected.backward()
    monkeypatch.setattr("tasks.finetuning.kernels.choice.LOGITS", logits)
    use_varlen(packed)
    taught = load_teacher(teacher, tiny_model, "fp32", torch.device("cpu"))
    objective, rows = Distillation(examples, taught, SOFT), [[3, 0], [5, 1, 2], [4]]
    found = objective.sums(packed, objective.collate(rows), False) / units_of(objective, rows)
    found[0].backward()
    torch.testing.assert_close(found[0], expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(found[1], divergence, rtol=1e-4, atol=0)
    for (name, one), other in zip(packed.named_parameters(), plain.parameters(), strict=True):
        scale = float(other.grad.abs().max())  # pyright: ignore[reportOptionalMemberAccess]
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=2e-5 * scale, msg=name)
    assert all(parameter.grad is None for parameter in taught.parameters())
    assert objective.held_bytes == sum(4 * p.numel() for p in taught.parameters())


def test_a_teacher_with_a_padded_head_teaches_what_both_have() -> None:
    import torch

    torch.manual_seed(0)
    states, head = torch.randn(9, 8), torch.randn(30, 8)
    padded = torch.cat([head, torch.randn(5, 8)])
    labels = torch.randint(0, 30, (9,))
    whole = chunked_distillation((states, head), (states, head), labels, SOFT)
    found = chunked_distillation((states, head), (states, padded), labels, SOFT)
    torch.testing.assert_close(found, whole)
    assert float(whole[1]) == pytest.approx(0, abs=1e-5)


def test_a_student_comes_nearer_to_its_teacher_on_rows_held_out(
    make_job: MakeJob, teacher: Path, tmp_path: Path
) -> None:
    settings = {"objective": "distill", "distill_alpha": 1.0, "learning_rate": 5e-3}
    job = make_job(tmp_path, teacher=str(teacher), **settings)
    events: list[dict[str, Any]] = []
    summary = train(job, tmp_path, events.append)
    steps = [event for event in events if event["event"] == "step"]
    assert summary.measured["teacher_divergence"] < 0.5 * steps[0]["teacher_divergence"]
    assert summary.validation_loss == pytest.approx(
        DistillationSettings.of(job.recipe).distill_temperature ** 2
        * summary.measured["teacher_divergence"],
        rel=1e-4,
    )


def test_a_teacher_of_another_vocabulary_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    require_same_vocabulary(other, tiny_model)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    one, two = list(words)[40:42]
    words[one], words[two] = words[two], words[one]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match="answers") as error:
        require_same_vocabulary(other, tiny_model)
    assert error.value.where == "teacher"
