"""Layers as the GPU's kernels see them, on the CPU: Liger's functions by their definitions."""

from __future__ import annotations

import sys
import types
from itertools import pairwise
from typing import Any

import pytest

from tasks.finetuning.kernels import layers
from tasks.finetuning.kernels import norms as norm_kernels
from tasks.finetuning.kernels.linears import linears
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example
from tasks.finetuning.train_process import prepare
from tasks.models.attention import packed as attention


def small_llama() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    shape: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 90}
    return LlamaForCausalLM(LlamaConfig(**shape, **heads))


def adapted(model: Any, recipe: Recipe) -> Any:
    """Put adapters on, with values in B, which is zero at first and hides what A does."""
    import torch

    model = prepare(model, recipe)
    torch.manual_seed(2)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1)
    return model


@pytest.mark.parametrize("method", ["full", "lora"])
def test_linear_layers_together_are_what_they_are_alone(method: str) -> None:
    import torch

    recipe = Recipe.model_validate({"method": method, "lora_r": 4, "precision": "fp32"})
    model = adapted(small_llama(), recipe)
    causal = model.get_base_model() if recipe.adapts else model
    mixer = causal.get_decoder().layers[0].self_attn
    modules = [mixer.q_proj, mixer.k_proj, mixer.v_proj]
    trained = [p for p in mixer.parameters() if p.requires_grad and p is not mixer.o_proj.weight]
    trained = [p for p in trained if not any(p is q for q in mixer.o_proj.parameters())]
    x = torch.randn(7, 64, requires_grad=True)
    weights = [torch.randn(7, n) for n in (64, 32, 32)]
    found: list[list[Any]] = []
    for outs in (linears(x, modules), [module(x) for module in modules]):
        products = [out * weight for out, weight in zip(outs, weights, strict=True)]
        total = torch.cat(products, dim=1).sum()
        found.append([*outs, *torch.autograd.grad(total, [x, *trained])])
    assert len(found[0]) == 3 + 1 + (6 if recipe.adapts else 3)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_what_is_no_plain_layer_is_called_as_it_is() -> None:
    import torch

    layer = torch.nn.Linear(4, 3, bias=True)
    x = torch.randn(2, 4)
    torch.testing.assert_close(linears(x, [layer])[0], layer(x))


@pytest.fixture
def by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the layers what Liger computes, and attention document by document."""
    import torch
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    def add_norm(x: Any, residual: Any, weight: Any, epsilon: float) -> Any:
        total = x if residual is None else x + residual
        return weight * total * torch.rsqrt(total.pow(2).mean(-1, keepdim=True) + epsilon), total

    def attend(q: Any, k: Any, v: Any, starts: Any, _longest: int, scale: float, _: None) -> Any:
        lengths = [end - start for start, end in pairwise(starts.tolist())]
        q, k, v = (part.transpose(0, 1)[None] for part in (q, k, v))
        return attention._one_by_one(q, k, v, lengths, scale, 0.0, None)[0]  # pyright: ignore[reportPrivateUsage]

    functional: Any = types.ModuleType("liger_kernel.transformers.functional")
    functional.liger_swiglu = lambda gate, up: torch.nn.functional.silu(gate) * up  # pyright: ignore[reportUnknownLambdaType]
    functional.liger_rope = apply_rotary_pos_emb
    for name in ("liger_kernel", "liger_kernel.transformers"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, functional.__name__, functional)
    monkeypatch.setattr(layers, "packed_attention", attend)
    monkeypatch.setattr(norm_kernels, "add_norm", add_norm)


@pytest.mark.usefixtures("by_definition")
@pytest.mark.parametrize("method", ["full", "lora"])
def test_layers_laid_out_have_the_loss_and_the_gradient_of_transformers_own(method: str) -> None:
    import torch

    recipe = Recipe.model_validate({"method": method, "lora_r": 4, "precision": "bf16"})
    examples = [Example.of(str(n), range(3, 3 + n), [True] * n) for n in (30, 17, 1, 60)]
    objective, found = Supervised(examples), list[tuple[Any, Any]]()
    for laid_out in (False, True):
        model = adapted(small_llama(), recipe)
        causal = model.get_base_model() if recipe.adapts else model
        attention.use_varlen(causal)
        assert layers.can_lay_out(causal, "bf16")
        if laid_out:
            layers.lay_out(causal)
        loss = objective.sums(causal, objective.collate([[0, 1, 2, 3]]), liger=False)[0]
        loss.backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.requires_grad]
        found.append((loss.detach(), torch.cat(gradients)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-6, atol=0)
    off = (found[0][1] - found[1][1]).norm() / found[0][1].norm()
    assert float(off) < 1e-5
