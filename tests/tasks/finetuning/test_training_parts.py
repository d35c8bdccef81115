"""What the training loop is made of: batches ahead, loss in chunks, the reckoning, the meter."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.finetuning.batches import AHEAD, made_ahead
from tasks.finetuning.kernels import linear_cross_entropy as fused
from tasks.finetuning.kernels.choice import loss_sum, use_kernels
from tasks.finetuning.memory import GIB, MARGIN, Estimate, Fit, estimate, fit
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
    assert use_kernels("plain", "bf16", model, cpu) == "plain"
    assert use_kernels("auto", "bf16", model, cpu) == "cpu"
    with pytest.raises(InputError, match="Liger"):
        use_kernels("liger", "bf16", model, cpu)


@pytest.mark.parametrize("checkpointing", [0, 3, 8])
@pytest.mark.parametrize(("method", "dtype"), [("full", "bfloat16"), ("lora", "float32")])
def test_the_reckoned_activations_are_those_that_autograd_keeps(
    method: str, dtype: Any, checkpointing: int, monkeypatch: pytest.MonkeyPatch
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
        "max_seq_length": 512,
    }

    def chosen(*_: object) -> Fit:
        return Fit(1, checkpointing, Estimate(0, 0, 0, 0, 0))

    monkeypatch.setattr("tasks.finetuning.trainer.fit", chosen)
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
    told = estimate(model, recipe, False, 512, checkpointing).activations
    layers = model.config.num_hidden_layers
    # A layer more than those that keep all: what computes twice keeps it then.
    layer = estimate(model, recipe, False, 512, 0).activations / (layers + 1)
    assert found < told
    assert checkpointing == layers or told - layer == pytest.approx(found, rel=0.2)
    assert checkpointing < layers or told < 0.3 * layer * (layers + 1)
    loss.backward()


def test_rows_a_pass_and_checkpointing_follow_from_the_memory(tiny_model: Path) -> None:
    model = load_model(tiny_model)[0]
    auto = Recipe(method="full", precision="fp32", auto_batch=True)
    fixed = auto.model_copy(update={"auto_batch": False, "per_device_train_batch_size": 2})

    def need(rows: int, layers: int) -> float:
        return estimate(model, auto, False, 100_000 * rows, layers, one_pass=rows == 4).total

    def chosen(recipe: Recipe, capacity: float | None) -> tuple[int, int]:
        found = fit(model, recipe, False, 100_000, 4, capacity)
        return found.rows, found.checkpointing

    assert chosen(auto, None) == (4, 0)
    assert chosen(auto, 1.1 * need(4, 0)) == (4, 0)
    assert chosen(auto, 1.1 * need(3, 0)) == (3, 0)
    assert chosen(auto, 1.001 * need(1, 1) / MARGIN) == (1, 1)
    assert chosen(auto, 0.999 * need(1, 1) / MARGIN) == (1, 2)
    assert chosen(auto, 0.0) == (1, 2)
    assert chosen(fixed, 1.1 * need(2, 0)) == (2, 0)
    assert chosen(fixed, 1.001 * need(2, 1) / MARGIN) == (2, 1)
    never = fixed.model_copy(update={"gradient_checkpointing": False})
    assert chosen(never, 0.0) == (2, 0)
    always = fixed.model_copy(update={"gradient_checkpointing": True})
    assert chosen(always, 1e9) == chosen(always, None) == (2, 2)


def llama_8b() -> Any:
    """Return the shape of Llama-3.1-8B in bf16, without a value."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape: dict[str, Any] = {
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "vocab_size": 128_256,
    }
    heads: dict[str, Any] = {"num_attention_heads": 32, "num_key_value_heads": 8}
    with torch.device("meta"):
        model: Any = LlamaForCausalLM(LlamaConfig(num_hidden_layers=32, **shape, **heads))
    return model.to(torch.bfloat16)


def test_the_fewest_layers_that_fit_are_checkpointed() -> None:
    """On 8B's shape, whose weights take no memory here, for each capacity of a GPU."""
    model = llama_8b()
    recipe = Recipe(method="full", precision="bf16", max_seq_length=8192)

    def need(layers: int, world: int, whole: bool) -> float:
        told = estimate(model, recipe, True, 8192, layers, world, one_pass=True, whole=whole)
        return told.total

    for world, whole in ((1, True), (4, True), (4, False)):
        needs = [need(layers, world, whole) for layers in range(33)]
        assert all(more >= less for more, less in pairwise(needs))
        assert needs[0] > needs[1] > needs[20]

    def chosen(needed: float, world: int) -> tuple[int, bool]:
        found = fit(model, recipe, True, 8192, 1, 1.0001 * needed / MARGIN, world)
        assert found.estimate.total <= 1.0001 * needed
        return found.checkpointing, found.whole

    for layers in (0, 1, 17, 32):
        assert chosen(need(layers, 1, whole=True), 1) == (layers, True)
    assert chosen(need(10, 4, whole=True), 4) == (10, True)
    # Weights in shards cost less time than eleven layers, and much less memory.
    assert chosen(need(11, 4, whole=True), 4) == (0, False)
    assert chosen(need(3, 4, whole=False), 4) == (3, False)
    lora = recipe.model_copy(update={"method": "lora"})
    assert fit(model, lora, True, 8192, 1, 0.0, 4).whole  # what is frozen is whole in any case


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
