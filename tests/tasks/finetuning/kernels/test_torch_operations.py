"""The CPU's operations beside transformers' own, which they round like."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.finetuning.kernels import torch_operations as own


def gradients(outs: Any, inputs: list[Any]) -> list[Any]:
    """Return outputs, and the gradients of a fixed mixture of them."""
    import torch

    torch.manual_seed(3)
    total = torch.stack([(out * torch.randn_like(out)).sum() for out in outs]).sum()
    return [*outs, *torch.autograd.grad(total, inputs)]


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_norm_is_transformers_of_the_sum(dtype: str, added: bool) -> None:
    import torch
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    torch.manual_seed(0)
    norm: Any = LlamaRMSNorm(48, eps=1e-5).to(getattr(torch, dtype))
    norm.weight.data.uniform_(0.5, 2)
    x, residual = (torch.randn(9, 48).to(norm.weight.dtype).requires_grad_() for _ in "xr")
    inputs = [x, norm.weight, *([residual] if added else [])]
    mine = own.add_norm(x, residual if added else None, norm.weight, 1e-5)
    total = x + residual if added else x
    near = 1e-5 if dtype == "float32" else 2e-2
    for one, other in zip(
        gradients(mine, inputs), gradients((norm(total), total), inputs), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=near, atol=near)
    if dtype == "bfloat16":
        torch.testing.assert_close(mine[0], norm(total), rtol=0, atol=0)


def test_swiglu_is_its_definition() -> None:
    import torch

    torch.manual_seed(0)
    gate, up = (torch.randn(5, 12).requires_grad_() for _ in "gu")
    theirs = torch.nn.functional.silu(gate) * up
    for one, other in zip(
        gradients([own.swiglu(gate, up)], [gate, up]), gradients([theirs], [gate, up]), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_rope_is_transformers() -> None:
    import torch
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    torch.manual_seed(0)
    q, k = (torch.randn(6, heads, 8).requires_grad_() for heads in (4, 2))
    angles = torch.rand(1, 6, 4).repeat(1, 1, 2)
    cos, sin = angles.cos(), angles.sin()
    by_head = [x.transpose(0, 1)[None] for x in (q, k)]
    theirs = apply_rotary_pos_emb(by_head[0], by_head[1], cos, sin)
    theirs = [x[0].transpose(0, 1) for x in theirs]
    for one, other in zip(
        gradients(own.rope(q, k, cos, sin), [q, k]), gradients(theirs, [q, k]), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
