"""Schedules, dropout, noise and weight decay do what their names say; by default nothing moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.finetuning.kernels.linears import linears
from tasks.finetuning.learning_rate import learning_rate
from tasks.finetuning.neftune import noise
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import StoppedError, Trainer

SHAPE: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
HEADS: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 50}


def make_trainer(**changed: Any) -> Trainer:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, **HEADS))
    plain = {"precision": "fp32", "max_seq_length": 32, "num_train_epochs": 1, "method": "full"}
    recipe = Recipe.model_validate({**plain, **changed})
    rows = [[(7 * row + place) % 50 for place in range(6 + row)] for row in range(10)]
    examples = [Example.of(f"r{n}", row, [True] * len(row)) for n, row in enumerate(rows)]
    return Trainer(prepare(model, recipe), recipe, Supervised(examples), torch.device("cpu"))


def ignore(_: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine_with_min_lr", [0.5, 1.0, 1.0, 0.775, 0.325]),
        ("cosine", [0.5, 1.0, 1.0, 0.75, 0.25]),
        ("linear", [0.5, 1.0, 1.0, 2 / 3, 1 / 3]),
        ("constant_with_warmup", [0.5, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_rate_of_each_step(schedule: str, rates: list[float]) -> None:
    given = {"learning_rate": 1.0, "warmup_ratio": 0.4, "lr_scheduler_type": schedule}
    recipe = Recipe.model_validate(given)
    assert [learning_rate(recipe, step, 5) for step in range(5)] == pytest.approx(rates)
    assert Recipe().lr_scheduler_type == "cosine_with_min_lr"


def test_dropout_drops_while_training_alone() -> None:
    import torch

    model = make_trainer(method="lora", lora_dropout=0.5).model
    mixer = model.get_base_model().get_decoder().layers[0].self_attn
    modules = [mixer.q_proj, mixer.k_proj]
    for module in modules:
        module.lora_B["default"].weight.data.normal_()
    x = torch.randn(5, 32)

    def out() -> Any:
        return torch.cat(list(linears(x, modules)), dim=1)

    model.eval()
    assert torch.equal(out(), out())
    whole = torch.cat([module(x) for module in modules], dim=1)
    assert torch.allclose(out(), whole, atol=1e-5)
    model.train()
    assert not torch.equal(out(), out())


def test_noise_is_the_papers_for_each_document() -> None:
    import torch

    torch.manual_seed(0)
    found = noise(torch.zeros(1, 104, 64), torch.tensor([0, 4, 104]), alpha=5.0)[0]
    for part, length in ((found[:4], 4), (found[4:], 100)):
        bound = 5.0 / (length * 64) ** 0.5
        assert 0.9 * bound < float(part.abs().max()) <= bound


def test_noise_changes_training_alone_and_resumes(tmp_path: Path) -> None:
    plain, noisy, again, cut, resumed = (
        make_trainer(neftune_noise_alpha=alpha) for alpha in (None, 5.0, 5.0, 5.0, 5.0)
    )
    assert noisy.means(noisy.objective) == plain.means(plain.objective)
    losses = noisy.run(tmp_path / "noisy", 100, ignore)
    assert losses[0] != plain.run(tmp_path / "plain", 100, ignore)[0]
    assert losses == again.run(tmp_path / "again", 100, ignore) and len(losses) > 2

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 2:
            cut._ask_to_stop()  # pyright: ignore[reportPrivateUsage]

    with pytest.raises(StoppedError):
        cut.run(tmp_path / "cut", 100, stop)
    assert resumed.run(tmp_path / "cut", 100, ignore) == losses


def test_matrices_decay_and_norms_do_not() -> None:
    import torch

    trainer = make_trainer(weight_decay=0.5)
    before = {name: p.clone() for name, p in trainer.optimizer.parameters.items()}
    for master in trainer.optimizer.masters.values():
        master.grad = torch.zeros_like(master)
    trainer.optimizer.step(0.1)
    for name, parameter in trainer.optimizer.parameters.items():
        kept = 1.0 if "norm" in name else 0.95
        assert torch.allclose(parameter, kept * before[name]), name
