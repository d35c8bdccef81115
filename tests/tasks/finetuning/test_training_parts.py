"""What the training loop is made of: batches ahead, loss in chunks, the reckoning, the meter."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.finetuning.batches import AHEAD, made_ahead
from tasks.finetuning.kernels import linear_cross_entropy as fused
from tasks.finetuning.kernels.choice import loss_sum, use_liger
from tasks.finetuning.memory import GIB, estimate, fit
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe, Spending
from tasks.finetuning.throughput import Meter, flops_per_token
from tasks.finetuning.tokenizing import Example
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import Trainer
from tasks.models.loading import load_model


def example(length: int, number: int = 0) -> Example:
    tokens = ((number + 7 * place) % 300 for place in range(length))
    return Example.of(str(number), tokens, [True] * length)


def test_batches_come_in_order_from_another_thread_and_not_too_far_ahead() -> None:
    made: list[int] = []
    threads: set[str] = set()

    def make(step: int) -> list[dict[str, Any]]:
        made.append(step)
        threads.add(threading.current_thread().name)
        return [{"step": step}]

    for number, [batch] in enumerate(made_ahead(make, range(3, 23))):
        assert batch == {"step": number + 3}
        time.sleep(0.002)
        assert len(made) <= number + 1 + AHEAD
    assert made == list(range(3, 23)) and threading.current_thread().name not in threads


def test_an_error_while_a_batch_is_made_is_raised_where_it_is_used() -> None:
    def make(step: int) -> list[dict[str, Any]]:
        if step == 2:
            raise MemoryError
        return [{"step": step}]

    coming = made_ahead(make, range(5))
    assert [next(coming), next(coming)] == [[{"step": 0}], [{"step": 1}]]
    with pytest.raises(MemoryError):
        next(coming)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_loss_in_chunks_is_the_loss_at_once(
    monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    import torch

    torch.manual_seed(0)
    hidden = torch.randn(50, 16, requires_grad=True)
    weight = torch.randn(300, 16, requires_grad=not frozen)
    labels = torch.randint(0, 300, (50,))
    wanted = [hidden] if frozen else [hidden, weight]
    whole = torch.nn.functional.cross_entropy(hidden @ weight.T, labels, reduction="sum")
    expected = torch.autograd.grad(whole, wanted)
    monkeypatch.setitem(fused.CHUNK, "cpu", 7 * 300)
    largest: list[int] = []
    softmax = fused.softmax_loss_and_gradient

    def watched(logits: Any, some: Any) -> Any:
        largest.append(len(logits))
        return softmax(logits, some)

    monkeypatch.setattr(fused, "softmax_loss_and_gradient", watched)
    found = fused.linear_cross_entropy(hidden, weight, labels)
    torch.testing.assert_close(found, whole, rtol=1e-6, atol=0)
    for one, other in zip(torch.autograd.grad(found * 3, wanted), expected, strict=True):
        torch.testing.assert_close(one, other * 3, rtol=1e-5, atol=1e-5)
    assert max(largest) == 7


def test_liger_that_cannot_run_is_refused_only_where_it_is_asked_for(tiny_model: Path) -> None:
    import torch

    model, cpu = load_model(tiny_model)[0], torch.device("cpu")
    assert use_liger("auto", "bf16", model, cpu) is False
    with pytest.raises(InputError, match="Liger"):
        use_liger("liger", "bf16", model, cpu)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("method", "dtype"), [("full", "bfloat16"), ("lora", "float32")])
def test_the_reckoned_activations_are_those_that_autograd_keeps(
    method: str, dtype: Any, checkpointing: bool
) -> None:
    """Within a fifth, on a shape with Llama's proportions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape: dict[str, Any] = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 8}
    heads: dict[str, Any] = {"num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 300}
    model: Any = LlamaForCausalLM(LlamaConfig(**shape, **heads)).to(getattr(torch, dtype))
    settings = {
        "method": method,
        "precision": "bf16" if dtype == "bfloat16" else "fp32",
        "lora_r": 4,
        "gradient_checkpointing": checkpointing,
        "max_seq_length": 512,
    }
    recipe = Recipe.model_validate(settings)
    model = prepare(model, recipe)
    objective = Supervised([example(64, n) for n in range(8)])
    trainer = Trainer(model, recipe, objective, torch.device("cpu"))
    trainer.model.train()
    batch = objective.collate(trainer.plan[0])
    known = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = loss_sum(trainer.causal, batch, liger=False)
    head = 512 * 300 * 4 * 2  # the logits, as they are and as probabilities: not the layers'
    found = (sum(kept.values()) - head) / GIB
    told = estimate(model, recipe, False, 512, checkpointing)
    assert trainer.fit.estimate == told
    layers = model.config.num_hidden_layers
    assert checkpointing or told.activations * layers / (layers + 1) == pytest.approx(
        found, rel=0.2
    )
    if checkpointing:
        assert (
            found < told.activations < 0.3 * estimate(model, recipe, False, 512, False).activations
        )
    loss.backward()


def test_rows_a_pass_and_checkpointing_follow_from_the_memory(tiny_model: Path) -> None:
    model = load_model(tiny_model)[0]
    auto = Recipe(method="full", precision="fp32", auto_batch=True)
    fixed = auto.model_copy(update={"auto_batch": False, "per_device_train_batch_size": 2})

    def need(rows: int, way: bool) -> float:
        return estimate(model, auto, False, 100_000 * rows, way).total

    def chosen(recipe: Recipe, capacity: float | None) -> tuple[int, bool]:
        found = fit(model, recipe, False, 100_000, 4, capacity)
        return found.rows, found.checkpointing

    assert chosen(auto, None) == (4, False)
    assert chosen(auto, 1.1 * need(4, False)) == (4, False)
    assert chosen(auto, 1.1 * need(3, False)) == (3, False)
    assert chosen(auto, 0.9 * need(1, False))[1]
    assert chosen(auto, 0.0) == (1, True)
    assert chosen(fixed, 1.1 * need(2, False)) == (2, False)
    assert chosen(fixed, 1.05 * need(2, False) * 0.9) == (2, True)
    never = fixed.model_copy(update={"gradient_checkpointing": False})
    assert chosen(never, 0.0) == (2, False)


def test_the_meter_counts_speed_time_left_share_and_cost() -> None:
    now = [100.0]
    spending = Spending(gpu_hour_price=36.0, budget=0.5, max_minutes=0.5)
    meter = Meter(10, 1000, 1e6, spending, spent=10.0, clock=lambda: now[0])
    now[0] = 102.0
    assert meter.figures(1, 400) == pytest.approx(
        {"tokens_per_second": 200, "seconds_left": 18, "limit_share": 0.2, "cost": 0.12}
    )
    now[0] = 103.0
    found = meter.figures(2, 500)
    assert found["tokens_per_second"] == pytest.approx(300)
    assert found["seconds_left"] == pytest.approx(8 * 1.5)
    assert meter.out_of_time() is None and meter.out_of_budget() is None
    now[0] = 130.0
    assert "0.5 minutes" in (meter.out_of_time() or "")
    now[0] = 141.0
    assert meter.out_of_budget() == "spent 0.51 of its budget of 0.5"
    for step in range(3, 60):  # an average of the newest steps alone
        now[0] += 1.0
        found = meter.figures(step, 100)
    assert found["tokens_per_second"] == pytest.approx(100)


def test_the_meter_counts_what_its_parent_knows_of_earlier_lives_and_of_loading() -> None:
    """A checkpoint knows of 10 s; the parent of 60, and that this process began 7 s ago."""
    spending = Spending(
        gpu_hour_price=36.0, gpus=2, earlier_seconds=60.0, started_at=time.time() - 7
    )
    meter = Meter(10, 1000, None, spending, spent=10.0, clock=lambda: 5.0)
    assert meter.seconds == pytest.approx(67, abs=1)
    assert meter.figures(1, 400)["cost"] == pytest.approx(2 * 0.67, abs=0.02)
    assert meter.out_of_time() is None


def test_operations_are_counted_over_the_base_model(tiny_model: Path) -> None:
    full, lora = Recipe(method="full"), Recipe(method="lora")
    base = load_model(tiny_model)[0]
    count = sum(p.numel() for p in base.parameters())
    assert flops_per_token(base, full) == 6 * count
    assert flops_per_token(prepare(load_model(tiny_model)[0], lora), lora) == 4 * count
