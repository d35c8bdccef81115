"""Layers laid out, on the CPU: with its operations, and with Liger's by their definitions."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from tasks.finetuning.kernels import choice, layers, operations
from tasks.finetuning.kernels import norms as norm_kernels
from tasks.finetuning.kernels.linears import linears
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example
from tasks.finetuning.train_process import prepare
from tasks.models.attention import packed as attention


def small_llama(**more: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    torch.manual_seed(1)
    shape: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 90}
    if "sliding_window" in more:
        return MistralForCausalLM(MistralConfig(**shape, **heads, **more))
    return LlamaForCausalLM(LlamaConfig(**shape, **heads, **more))


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
    """Give the layers what Liger computes."""
    import torch
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    def add_norm(x: Any, residual: Any, weight: Any, epsilon: float) -> Any:
        total = x if residual is None else x + residual
        return weight * total * torch.rsqrt(total.pow(2).mean(-1, keepdim=True) + epsilon), total

    functional: Any = types.ModuleType("liger_kernel.transformers.functional")
    functional.liger_swiglu = lambda gate, up: torch.nn.functional.silu(gate) * up  # pyright: ignore[reportUnknownLambdaType]
    functional.liger_rope = apply_rotary_pos_emb
    for name in ("liger_kernel", "liger_kernel.transformers"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, functional.__name__, functional)
    monkeypatch.setattr(norm_kernels, "add_norm", add_norm)


@pytest.mark.usefixtures("by_definition")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(
    ("method", "shape"), [("full", {}), ("lora", {}), ("lora", {"sliding_window": 7})]
)
def test_layers_laid_out_have_the_loss_and_the_gradient_of_transformers_own(
    device: str, method: str, shape: dict[str, Any]
) -> None:
    import torch

    recipe = Recipe.model_validate({"method": method, "lora_r": 4, "precision": "bf16"})
    examples = [Example.of(str(n), range(3, 3 + n), [True] * n) for n in (30, 17, 1, 60)]
    objective, found = Supervised(examples), list[tuple[Any, Any]]()
    for laid_out in (False, True):
        model = adapted(small_llama(**shape), recipe)
        causal = model.get_base_model() if recipe.adapts else model
        attention.use_varlen(causal)
        assert layers.can_lay_out(causal)
        if laid_out:
            layers.lay_out(causal, operations.operations(torch.device(device)))
        loss = objective.sums(causal, objective.collate([[0, 1, 2, 3]]), liger=False)[0]
        loss.backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.requires_grad]
        found.append((loss.detach(), torch.cat(gradients)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-6, atol=0)
    off = (found[0][1] - found[1][1]).norm() / found[0][1].norm()
    assert float(off) < 1e-4  # 3.4e-5 was seen, on a processor without bfloat16


@pytest.mark.parametrize("tokens", [32, 33, 63])
def test_a_row_is_lengthened_to_what_a_cpu_multiplies_fast(tokens: int) -> None:
    import torch

    causal = small_llama()
    attention.use_varlen(causal)
    examples = [Example.of(str(n), range(3, 3 + n), [True] * n) for n in (12, tokens - 12)]
    objective, seen = Supervised(examples), list[Any]()

    def watch(_: Any, __: Any, given: dict[str, Any]) -> None:
        seen.append(given)

    causal.get_decoder().register_forward_pre_hook(watch, with_kwargs=True)
    together = choice.target_states(causal, objective.collate([[0, 1]]))
    apart = [choice.target_states(causal, objective.collate([[n]])) for n in (0, 1)]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-5, atol=1e-5)
    for given in seen:
        length = given["input_ids"].shape[1]
        assert length % choice.ALIGNED == 0
        assert given["position_ids"].shape[1] == length == int(given["cu_seq_lens_q"][-1])
        assert given["max_length_q"] == int(given["cu_seq_lens_q"].diff().max())
    assert len(seen[0]["cu_seq_lens_q"]) == (3 if tokens == 32 else 4)
