from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.records import RecordKind
from data_contracts.snapshot import read_records
from model_registry.loading import load_model
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.tokenizing import encode
from tasks.finetuning.train_process import train
from tasks.finetuning.trainer import StoppedError, Trainer

MakeJob = Callable[..., TrainingJob]
Event = dict[str, Any]


def ignore(_: Event) -> None: ...


@pytest.fixture
def make_trainer(tiny_model: Path, make_snapshot: Callable[[RecordKind], Path]) -> Any:
    snapshot = make_snapshot("chat")

    def make(**changed: Any) -> Trainer:
        import torch

        model, tokenizer = load_model(tiny_model)
        examples = encode(read_records(snapshot, "train"), tokenizer, 192)
        plain = {"method": "full", "precision": "fp32", "max_seq_length": 192}
        recipe = Recipe.model_validate({**plain, **changed})
        return Trainer(model, recipe, examples, torch.device("cpu"))

    return make


def first_gradients(trainer: Trainer, folder: Path) -> list[Any]:
    """The gradients with which the first optimizer step is taken."""
    seen: list[Any] = []

    def look(*_: Any) -> None:
        seen.append([parameter.grad.clone() for parameter in trainer.optimizer.parameters.values()])

    trainer.optimizer.adamw.register_step_pre_hook(look)
    trainer.run(folder, 100, ignore)
    return seen[0]


def test_accumulated_batches_have_the_gradient_of_one(make_trainer: Any, tmp_path: Path) -> None:
    import torch

    shape = {"max_steps": 1, "max_grad_norm": 1e9}
    one = make_trainer(per_device_train_batch_size=4, **shape)
    many = make_trainer(gradient_accumulation_steps=4, **shape)
    other = make_trainer(gradient_accumulation_steps=3, **shape)
    assert one.plan == many.plan != other.plan
    found = [first_gradients(t, tmp_path / n) for t, n in ((one, "1"), (many, "2"), (other, "3"))]
    for whole, summed, less in zip(*found, strict=True):
        scale = float(whole.abs().max())
        torch.testing.assert_close(summed, whole, rtol=1e-5, atol=1e-5 * scale)
        assert float((less - whole).abs().max()) > 1e-3 * scale
    assert many.losses == pytest.approx(one.losses, rel=1e-5)


def test_the_gradient_is_clipped_to_its_norm(make_trainer: Any, tmp_path: Path) -> None:
    import torch

    clipped = first_gradients(make_trainer(max_steps=1, max_grad_norm=0.5), tmp_path)
    assert float(torch.cat([g.flatten() for g in clipped]).norm()) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize(("ratio", "warmup"), [(0.0, 1), (0.25, 3), (0.5, 6)])
def test_the_learning_rate_rises_to_its_peak_and_falls_to_a_tenth(
    make_trainer: Any, ratio: float, warmup: int
) -> None:
    trainer = make_trainer(max_steps=12, num_train_epochs=2, learning_rate=1e-3, warmup_ratio=ratio)
    assert len(trainer.plan) == 12
    rates = [trainer.learning_rate(step) for step in range(13)]
    assert rates[:warmup] == pytest.approx([1e-3 * (n + 1) / warmup for n in range(warmup)])
    assert rates[warmup] == pytest.approx(1e-3)
    assert rates[12] == pytest.approx(1e-4)
    middle = trainer.learning_rate(warmup + (12 - warmup) / 2)
    assert middle == pytest.approx((1e-3 + 1e-4) / 2)
    falling = rates[warmup:]
    assert falling == sorted(falling, reverse=True) and len(set(falling)) == len(falling)


def test_the_optimizer_uses_the_rate_of_its_step(make_trainer: Any, tmp_path: Path) -> None:
    trainer, used, events = (
        make_trainer(max_steps=5, warmup_ratio=0.4),
        list[float](),
        list[Event](),
    )

    def look(optimizer: Any, *_: Any) -> None:
        used.append(optimizer.param_groups[0]["lr"])

    trainer.optimizer.adamw.register_step_pre_hook(look)
    trainer.run(tmp_path, 100, events.append)
    assert (
        used
        == [event["learning_rate"] for event in events[1:]]
        == [trainer.learning_rate(step) for step in range(5)]
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_row_6_a_stopped_trainer_goes_on_as_if_nothing_had_been(
    make_trainer: Any, tmp_path: Path, number: signal.Signals
) -> None:
    import torch

    whole = make_trainer(max_steps=6)
    whole.run(tmp_path / "whole", 100, ignore)

    def stop(event: Event) -> None:
        if event.get("step") == 3 and event["event"] == "step":
            signal.raise_signal(number)

    with pytest.raises(StoppedError):
        make_trainer(max_steps=6).run(tmp_path / "cut", 100, stop)
    events: list[Event] = []
    resumed = make_trainer(max_steps=6)
    resumed.run(tmp_path / "cut", 100, events.append)
    assert (events[0]["event"], events[0]["step"], events[0]["steps"]) == ("start", 3, 6)
    assert resumed.losses == whole.losses
    for name, parameter in whole.optimizer.parameters.items():
        assert torch.equal(parameter, resumed.optimizer.parameters[name]), name


@pytest.mark.parametrize(
    ("kind", "method"),
    [("chat", "full"), ("instruction", "lora"), ("preference", "lora"), ("document", "full")],
)
def test_every_kind_of_record_trains_either_way(
    make_job: MakeJob, base: Path, tmp_path: Path, kind: RecordKind, method: str
) -> None:
    import torch

    job = make_job(tmp_path, kind=kind, method=method, learning_rate=5e-3, num_train_epochs=6)
    summary = train(job, tmp_path, ignore)
    assert summary.final_loss < 0.8 * summary.first_loss
    assert summary.rows == 28 and summary.validation_loss is not None
    assert (tmp_path / "adapter").exists() == (method == "lora")
    written = json.loads((tmp_path / "training.json").read_text())
    assert written["recipe"]["method"] == method and written["losses"] == list(summary.losses)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")

    before, _ = load_model(base, dtype="bfloat16")
    after, tokenizer = load_model(tmp_path / "model", dtype="bfloat16")
    changed = {n for n, p in after.named_parameters() if not p.equal(before.get_parameter(n))}
    projections = {n for n, _ in before.named_parameters() if "_proj" in n}
    assert len(projections) == 14 and projections <= changed
    assert changed == projections or method == "full"
    assert ("model.embed_tokens.weight" in changed) == (method == "full")

    held_out = encode(read_records(Path(job.snapshot), "validation"), tokenizer, 192)
    recipe = job.recipe.model_copy(update={"method": "full"})
    shipped = Trainer(after.float(), recipe, held_out, torch.device("cpu")).mean_loss(held_out)
    assert shipped == pytest.approx(summary.validation_loss, rel=0.02)  # its weights are bf16


def test_counts_are_those_of_the_rows_seen(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tmp_path, num_train_epochs=2, max_seq_length=80)
    summary = train(job, tmp_path, ignore)
    _, tokenizer = load_model(Path(job.base))
    examples = encode(read_records(Path(job.snapshot), "train"), tokenizer, 80)
    assert summary.rows == len(examples)
    assert summary.rows_cut == sum(example.cut for example in examples) > 0
    assert summary.tokens == 2 * sum(len(example.tokens) for example in examples)
    assert summary.target_tokens == 2 * sum(sum(example.targets) for example in examples)
