from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.kinds.registry import RecordKind
from data_contracts.snapshot.reading import read_records
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Spending, TrainingJob
from tasks.finetuning.tokenizing import encode, tokenize
from tasks.finetuning.train_process import train
from tasks.finetuning.trainer import StoppedError, Trainer
from tasks.models.loading import load_model

MakeJob = Callable[..., TrainingJob]
Event = dict[str, Any]


def ignore(_: Event) -> None: ...


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
    ("spending", "why", "step"),
    [
        (Spending(max_minutes=1e-6), "max_minutes", 1),
        (Spending(gpu_hour_price=1e9, budget=0.01), "budget", 2),
    ],
)
def test_time_and_money_stop_a_run_that_then_goes_on(
    make_trainer: Any, tmp_path: Path, spending: Spending, why: str, step: int
) -> None:
    """The time at once; the money at the next checkpoint, which is after the second step."""
    whole = make_trainer(max_steps=5)
    whole.run(tmp_path / "whole", 100, ignore)
    with pytest.raises(StoppedError, match=why):
        make_trainer(max_steps=5).run(tmp_path / "cut", 2, ignore, spending)
    events: list[Event] = []
    resumed = make_trainer(max_steps=5)
    priced = Spending(gpu_hour_price=3600)
    assert resumed.run(tmp_path / "cut", 100, events.append, priced) == whole.losses
    assert events[0]["step"] == step
    costs = [event["cost"] for event in events[1:]]
    assert costs == sorted(costs) and costs[0] > 0


def test_an_event_says_what_people_look_at(make_trainer: Any, tmp_path: Path) -> None:
    events: list[Event] = []
    make_trainer(max_steps=3).run(tmp_path, 100, events.append)
    start, *steps = events
    assert start["estimate_gib"]["total"] > 0 and start["kernels"] == "cpu"
    assert (start["rows_per_pass"], start["gradient_checkpointing"]) == (1, False)
    assert start["matmul_tflops"] is None  # a CPU's limit is not measured
    for event in steps:
        assert event["tokens_per_second"] > 0 and event["gradient_norm"] > 0
        assert "limit_share" not in event and "cost" not in event
    assert steps[0]["seconds_left"] > steps[-1]["seconds_left"] == 0


def test_in_bf16_the_optimizer_remembers_what_bf16_forgets(
    make_trainer: Any, tmp_path: Path
) -> None:
    """Updates far below bf16's resolution add up in the masters, and resume with them."""
    import torch

    made = [make_trainer(precision="bf16", learning_rate=1e-6, max_steps=4) for _ in range(3)]
    for trainer in made:
        assert all(p.dtype == torch.bfloat16 for p in trainer.optimizer.parameters.values())
    whole, first, second = made
    before = {name: master.clone() for name, master in whole.optimizer.masters.items()}
    whole.run(tmp_path / "whole", 100, ignore)
    for name, master in whole.optimizer.masters.items():
        moved = (master - before[name]).abs()
        assert master.dtype == torch.float32
        assert 1e-7 < float(moved[moved > 0].median()) < 1e-5
        assert torch.equal(whole.optimizer.parameters[name], master.bfloat16())

    def stop(event: Event) -> None:
        if event["step"] == 2:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(StoppedError):
        first.run(tmp_path / "cut", 100, stop)
    second.run(tmp_path / "cut", 100, ignore)
    for name, master in whole.optimizer.masters.items():
        assert torch.equal(second.optimizer.masters[name], master)


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
    objective = Supervised(held_out)
    shipped = Trainer(after.float(), recipe, objective, torch.device("cpu")).means(objective)
    assert shipped["loss"] == pytest.approx(
        summary.validation_loss, rel=0.02
    )  # its weights are bf16


def test_counts_are_those_of_the_rows_seen(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tmp_path, num_train_epochs=2, max_seq_length=80)
    summary = train(job, tmp_path, ignore)
    _, tokenizer = load_model(Path(job.base))
    examples = encode(read_records(Path(job.snapshot), "train"), tokenizer, 80)
    assert summary.rows == len(examples)
    assert summary.rows_cut == sum(example.cut for example in examples) > 0
    assert summary.tokens == 2 * sum(len(example.tokens) for example in examples)
    assert summary.target_tokens == 2 * sum(sum(example.targets) for example in examples)


def test_a_document_longer_than_a_row_is_one_row_and_loses_nothing(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(tmp_path, kind="document", num_train_epochs=1, max_seq_length=16)
    summary = train(job, tmp_path, ignore)
    _, tokenizer = load_model(Path(job.base))
    wholes = tokenize(read_records(Path(job.snapshot), "train"), tokenizer).examples
    assert summary.rows == len(wholes) == 28 and summary.rows_cut == 0
    assert max(len(whole.tokens) for whole in wholes) > 32
    assert summary.tokens == sum(len(whole.tokens) for whole in wholes)
    pieces = sum(-(-len(whole.tokens) // 16) for whole in wholes)
    assert summary.target_tokens == summary.tokens - pieces
