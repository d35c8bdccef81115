"""RMSNorm with its residual in one kernel each way, in Triton.

What moves no memory twice: forward, the sum with the residual is written beside its norm; backward,
the gradient that reaches the residual is added where the norm's own is written. Liger's kernels do
the same with one program a processor and row, which reads at half of the memory's speed; and the
residual of a norm without a sum is a pass of its own. Formula: Zhang & Sennrich 2019, eq. 4;
rounded where transformers' Llama rounds.
"""

# Triton compiles annotations too, so its functions have none.
# pyright: basic, reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from functools import cache
from typing import Any

import triton
import triton.language as tl

PROGRAMS = 8  # a processor, backward: each adds up the weight's gradient over its rows


def add_norm(x: Any, residual: Any, weight: Any, epsilon: float) -> tuple[Any, Any]:
    """Return (RMSNorm(x + residual) * weight, x + residual), each (T, H), for x (T, H).

    `residual` may be None: the second is x then.
    """
    return _function().apply(x, residual, weight, epsilon)


@cache
def _function() -> Any:
    import torch

    class AddNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, residual: Any, weight: Any, epsilon: float) -> Any:
            rows, width = x.shape
            out = torch.empty_like(x)
            total = x if residual is None else torch.empty_like(x)
            scales = torch.empty(rows, device=x.device)
            block = triton.next_power_of_2(width)
            _forward[(rows,)](
                *(x, residual, weight, out, total, scales, width, epsilon),
                *(residual is not None, block),
                num_warps=_warps(block),
            )
            ctx.save_for_backward(total, weight, scales)
            ctx.added = residual is not None
            return out, total

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            total, weight, scales = ctx.saved_tensors
            grad, kept = grads[0].contiguous(), grads[1]
            rows, width = total.shape
            grad_x = torch.empty_like(total)
            programs = min(rows, PROGRAMS * _processors())
            parts = torch.empty(programs, width, device=total.device)
            block = triton.next_power_of_2(width)
            _backward[(programs,)](
                *(grad, kept, total, weight, scales, grad_x, parts, rows, width),
                *(kept is not None, block),
                num_warps=_warps(block),
            )
            grad_weight = parts.sum(0).to(weight.dtype) if ctx.needs_input_grad[2] else None
            return grad_x, grad_x if ctx.added else None, grad_weight, None

    return AddNorm


def _warps(block: int) -> int:
    return max(4, min(16, block // 512))


@cache
def _processors() -> int:
    import torch

    return torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count


@triton.jit
def _forward(
    x,
    residual,
    weight,
    out,
    total,
    scales,
    width,
    epsilon,
    added: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(0)
    lanes = tl.arange(0, block)
    inside = lanes < width
    at = row * width + lanes
    value = tl.load(x + at, mask=inside, other=0.0)
    if added:
        value = value + tl.load(residual + at, mask=inside, other=0.0)
        tl.store(total + at, value, mask=inside)
    wide = value.to(tl.float32)
    scale = 1 / tl.sqrt_rn(tl.sum(wide * wide) / width + epsilon)
    tl.store(scales + row, scale)
    normed = (wide * scale).to(value.dtype) * tl.load(weight + lanes, mask=inside, other=0.0)
    tl.store(out + at, normed, mask=inside)


@triton.jit
def _backward(
    grad,
    kept,
    total,
    weight,
    scales,
    grad_x,
    parts,
    rows,
    width,
    keeps: tl.constexpr,
    block: tl.constexpr,
):
    program = tl.program_id(0)
    lanes = tl.arange(0, block)
    inside = lanes < width
    factor = tl.load(weight + lanes, mask=inside, other=0.0).to(tl.float32)
    part = tl.zeros([block], tl.float32)
    for row in range(program, rows, tl.num_programs(0)):
        at = row * width + lanes
        slope = tl.load(grad + at, mask=inside, other=0.0).to(tl.float32)
        value = tl.load(total + at, mask=inside, other=0.0)
        scale = tl.load(scales + row)
        normed = value.to(tl.float32) * scale
        part += slope * normed.to(value.dtype).to(tl.float32)
        slope *= factor
        slope = scale * (slope - normed * (tl.sum(slope * normed) / width))
        if keeps:
            slope += tl.load(kept + at, mask=inside, other=0.0).to(tl.float32)
        tl.store(grad_x + at, slope.to(value.dtype), mask=inside)
    tl.store(parts + program * width + lanes, part, mask=inside)
