"""Kernels of our own, in Triton: AdamW in one pass, a mean, and a softmax with its gradient.

torch's fused AdamW wants gradients in the weights' precision. A model that computes in bf16 then
needs a float32 copy of its gradients, a pass to clip them and one to copy the weights back: twice
the memory traffic of the kernel here. Import this where there is a GPU.
"""

# Triton compiles annotations too, so its functions have none.
# pyright: basic, reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import triton
import triton.language as tl

BLOCK, COLUMNS = 2048, 32_768
BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch.optim.AdamW's


def fused_step(
    tensors: Sequence[tuple[Any, Any, Any, Any, Any]],
    scale: Any,
    step: int,
    learning_rate: float,
    weight_decay: float,
) -> None:
    """Update (weight bf16, master fp32, gradient, mean fp32, variance fp32) in place.

    `scale` (a tensor of one value) multiplies the gradients; `step` counts from 1. Formula:
    Loshchilov & Hutter 2019, algorithm 2, as torch computes it.
    """
    correction = 1 - BETAS[0] ** step
    root = math.sqrt(1 - BETAS[1] ** step)
    for weight, master, gradient, mean, variance in tensors:
        count = weight.numel()
        if not count:  # a part of a small weight, of which others have all
            continue
        _adamw[((count + BLOCK - 1) // BLOCK,)](
            weight,
            master,
            gradient,
            mean,
            variance,
            scale,
            count,
            learning_rate / correction,
            1 - learning_rate * weight_decay,
            1 / root,
            *BETAS,
            EPSILON,
            BLOCK,
        )


@triton.jit
def _adamw(
    weight,
    master,
    gradient,
    mean,
    variance,
    scale,
    count,
    rate,
    decay,
    root,
    beta1: tl.constexpr,
    beta2: tl.constexpr,
    epsilon: tl.constexpr,
    block: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    g = tl.load(gradient + at, mask=inside).to(tl.float32) * tl.load(scale)
    p = tl.load(master + at, mask=inside) * decay
    m = tl.load(mean + at, mask=inside)
    v = tl.load(variance + at, mask=inside)
    m = m + (1 - beta1) * (g - m)
    v = beta2 * v + (1 - beta2) * g * g
    p = p - rate * m / (tl.sqrt(v) * root + epsilon)
    tl.store(mean + at, m, mask=inside)
    tl.store(variance + at, v, mask=inside)
    tl.store(master + at, p, mask=inside)
    tl.store(weight + at, p.to(weight.dtype.element_ty), mask=inside)


def mean_of_parts(parts: Any) -> Any:
    """Return the mean (N) of parts (P, N), added up in float32; torch's takes twice as long."""
    import torch

    number, count = parts.shape
    out = torch.empty(count, device=parts.device)
    if count:
        _mean[((count + BLOCK - 1) // BLOCK,)](parts, out, count, number, BLOCK)
    return out


@triton.jit
def _mean(parts, out, count, number: tl.constexpr, block: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    total = tl.zeros([block], tl.float32)
    for _ in range(number):
        total += tl.load(parts + at, mask=inside, other=0.0).to(tl.float32)
        parts += count
    tl.store(out + at, total / number, mask=inside)


def softmax_loss_and_gradient(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Return the summed cross-entropy of logits (N, V), and its gradient written over them."""
    import torch

    losses = torch.empty(len(labels), device=logits.device)
    columns = logits.shape[1]
    block = min(COLUMNS, triton.next_power_of_2(columns))
    _softmax_gradient[(len(labels),)](
        logits, labels, losses, logits.stride(0), columns, block, num_warps=32
    )
    return losses.sum(), logits


@triton.jit
def _softmax_gradient(logits, labels, losses, stride, columns, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    label = tl.load(labels + row)
    wanted = tl.load(logits + label).to(tl.float32)
    highest = float("-inf")
    total = 0.0
    for start in range(0, columns, block):
        at = start + tl.arange(0, block)
        x = tl.load(logits + at, mask=at < columns, other=float("-inf")).to(tl.float32)
        higher = tl.maximum(highest, tl.max(x))
        total = total * tl.exp(highest - higher) + tl.sum(tl.exp(x - higher))
        highest = higher
    norm = highest + tl.log(total)
    tl.store(losses + row, norm - wanted)
    tl.debug_barrier()  # all have read `wanted` before it is written over
    for start in range(0, columns, block):
        at = start + tl.arange(0, block)
        x = tl.load(logits + at, mask=at < columns, other=float("-inf")).to(tl.float32)
        gradient = tl.exp(x - norm) - tl.where(at == label, 1.0, 0.0)
        tl.store(logits + at, gradient.to(logits.dtype.element_ty), mask=at < columns)
