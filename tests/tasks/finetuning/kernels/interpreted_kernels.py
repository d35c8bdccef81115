"""Compares our Triton kernels with torch on a CPU, in Triton's interpreter; prints a line of JSON.

Run as a module by itself: whether kernels are interpreted is decided when they are imported.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import accumulate, pairwise
from typing import Any
from unittest.mock import patch

LENGTHS = [300, 17, 1, 129, 64]


def main() -> int:
    """Print {what: the largest difference, as a share of the largest value}."""
    os.environ["TRITON_INTERPRET"] = "1"
    import torch

    torch.manual_seed(0)
    found = {**_attention(), **_norms(), **_optimizer(), **_mean(), **_softmax(), **_decoding()}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _apart(ours: Any, theirs: Any) -> float:
    pairs = [(a.detach().float(), b.detach().float()) for a, b in zip(ours, theirs, strict=True)]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def _attention() -> dict[str, float]:
    """Packed documents against each by itself, forward and backward, from slices of one tensor."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from tasks.models.attention.gpu import attend

    found: dict[str, float] = {}
    for heads, groups, dim in ((4, 2, 64), (6, 2, 64), (3, 3, 128)):
        starts = [0, *accumulate(LENGTHS)]
        joined = torch.randn(starts[-1], heads + 2 * groups, dim, requires_grad=True)
        inputs = joined.split([heads, groups, groups], dim=1)
        alone: list[Any] = []
        for begin, end in pairwise(starts):
            q, k, v = (part[begin:end].transpose(0, 1)[None] for part in inputs)
            out = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            alone.append(out[0].transpose(0, 1))
        expected = torch.cat(alone)
        q, k, v = inputs
        out = attend(q, k, v, torch.tensor(starts, dtype=torch.int32), dim**-0.5)
        above = torch.randn_like(out)
        name = f"attention, {heads} heads of {dim} in {groups} groups"
        found[name] = _apart([out], [expected])
        mine, theirs = (torch.autograd.grad(o, inputs, above) for o in (out, expected))
        found[f"{name}, gradient"] = _apart(mine, theirs)
    return found


def _norms() -> dict[str, float]:
    import torch

    from tasks.finetuning.kernels import norms as norm_kernels

    found: dict[str, float] = {}
    for added in (False, True):
        x, residual = (torch.randn(37, 96, requires_grad=True) for _ in range(2))
        weight = (1 + torch.randn(96) / 10).requires_grad_()
        total = x + residual if added else x
        scaled = total * torch.rsqrt(total.pow(2).mean(-1, keepdim=True) + 1e-5)
        expected = (weight * scaled, total)
        with patch.object(norm_kernels, "_processors", return_value=2):
            outs = norm_kernels.add_norm(x, residual if added else None, weight, 1e-5)
            above = (torch.randn(37, 96), torch.randn(37, 96))
            inputs = (x, residual, weight) if added else (x, weight)
            mine, theirs = (torch.autograd.grad(o, inputs, above) for o in (outs, expected))
        name = "norm of a sum" if added else "norm"
        found |= {name: _apart(outs, expected), f"{name}, gradient": _apart(mine, theirs)}
    return found


def _optimizer() -> dict[str, float]:
    """Three updates of weights in bf16, against torch's AdamW over the float32 copies."""
    import torch

    from tasks.finetuning.kernels.triton_kernels import fused_step

    master = torch.randn(5000)
    weight, mean, variance = master.bfloat16(), torch.zeros(5000), torch.zeros(5000)
    theirs = master.clone().requires_grad_()
    peer = torch.optim.AdamW([theirs], lr=1e-2, weight_decay=0.1)
    for step in (1, 2, 3):
        gradient = torch.randn(5000).bfloat16()
        theirs.grad = gradient.float() * 0.5
        fused_step([(weight, master, gradient, mean, variance)], torch.tensor(0.5), step, 1e-2, 0.1)
        peer.step()
    return {
        "AdamW": _apart([master], [theirs.detach()]),
        "AdamW, weights are the copies rounded": _apart([weight], [master.bfloat16()]),
    }


def _mean() -> dict[str, float]:
    import torch

    from tasks.finetuning.kernels.triton_kernels import mean_of_parts

    parts = torch.randn(3, 5000).bfloat16()
    return {"mean of parts": _apart([mean_of_parts(parts)], [parts.float().mean(0)])}


def _softmax() -> dict[str, float]:
    import torch

    from tasks.finetuning.kernels import linear_cross_entropy, triton_kernels

    logits, labels = 4 * torch.randn(9, 700), torch.randint(0, 700, (9,))
    theirs = linear_cross_entropy.softmax_loss_and_gradient(logits.clone(), labels)
    with patch.object(triton_kernels, "COLUMNS", 256):  # several blocks a row
        mine = triton_kernels.softmax_loss_and_gradient(logits.clone(), labels)
    return {
        "softmax": _apart(mine[:1], theirs[:1]),
        "softmax, gradient": _apart(mine[1:], theirs[1:]),
    }


def _decoding() -> dict[str, float]:
    """The decoder's fused operations against the plain ones, for one small shape."""
    import torch

    from tasks.models.decoding import fused
    from tests.benchmarks.generating import checks

    with patch.object(fused, "_processors", return_value=4):
        shapes = {"9/3 heads of 64": (9, 3, 64)}
        return checks.operations(torch.device("cpu"), shapes, ["float32"], [1, 5])


if __name__ == "__main__":
    sys.exit(main())
