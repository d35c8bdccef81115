"""What lies between a Llama layer's matrix products, in torch, with as few passes as torch allows.

For the CPU, where transformers' own operations keep and cast several float32 copies of each input.
Each rounds where transformers' Llama rounds. Works in any precision.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def add_norm(x: Any, residual: Any, weight: Any, epsilon: float) -> tuple[Any, Any]:
    """Return (RMSNorm(x + residual) * weight, x + residual), each (T, H), for x (T, H).

    `residual` may be None: the second is x then. Formula: Zhang & Sennrich 2019, eq. 4.
    """
    total = x if residual is None else x + residual
    return _functions()[0].apply(total, weight, epsilon), total


def swiglu(gate: Any, up: Any) -> Any:
    """Return silu(gate) * up, (T, I) each (Shazeer 2020, arXiv 2002.05202, eq. 6)."""
    return _functions()[1].apply(gate, up)


def rope(q: Any, k: Any, cos: Any, sin: Any) -> tuple[Any, Any]:
    """Return q (T, H, D) and k (T, G, D) turned by their positions' angles.

    `cos` and `sin` are (1, T, D), the same in both halves, as transformers makes them. Formula: Su
    et al. 2021, eq. 34, with Llama's pairs: value i turns with value i + D/2.
    """
    half = q.shape[-1] // 2
    cos, sin = (angle[0, :, None, :half] for angle in (cos, sin))
    turn = _functions()[2]
    return turn.apply(q, cos, sin), turn.apply(k, cos, sin)


@cache
def _functions() -> tuple[Any, Any, Any]:
    import torch
    from torch.nn.functional import silu

    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, epsilon: float) -> Any:
            wide = x.to(torch.float32, copy=True)
            norm = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
            scale = norm.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
            ctx.save_for_backward(x, weight, scale)
            return wide.mul_(scale).to(x.dtype, copy=True).mul_(weight)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            x, weight, scale = ctx.saved_tensors
            unit = x.to(torch.float32, copy=True).mul_(scale)
            grad_weight = None
            if ctx.needs_input_grad[1]:
                grad_weight = (grads[0] * unit.to(x.dtype)).sum(0)
            grad = (grads[0] * weight).to(torch.float32)
            along = (grad * unit).mean(-1, keepdim=True)
            grad = grad.sub_(unit.mul_(along)).mul_(scale)
            return grad.to(x.dtype), grad_weight, None

    class SwiGLU(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, gate: Any, up: Any) -> Any:
            active = silu(gate)
            ctx.save_for_backward(gate, up, active)
            return active * up

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            gate, up, active = ctx.saved_tensors
            grad_gate = torch.ops.aten.silu_backward(grads[0] * up, gate)
            return grad_gate, active * grads[0]

    class Rope(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, cos: Any, sin: Any) -> Any:
            ctx.save_for_backward(cos, sin)
            return _turn(x, cos, sin, 1)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            cos, sin = ctx.saved_tensors
            return _turn(grads[0], cos, sin, -1), None, None

    return Norm, SwiGLU, Rope


def _turn(x: Any, cos: Any, sin: Any, way: int) -> Any:
    import torch

    out = torch.empty_like(x)
    (low, high), (low_out, high_out) = x.chunk(2, dim=-1), out.chunk(2, dim=-1)
    torch.mul(low, cos, out=low_out).addcmul_(high, sin, value=-way)
    torch.mul(high, cos, out=high_out).addcmul_(low, sin, value=way)
    return out
