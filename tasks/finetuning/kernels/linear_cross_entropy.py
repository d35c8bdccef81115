"""Cross-entropy of a linear layer's outputs that never holds them all, nor computes them twice.

The gradient of a chunk of logits follows from the chunk alone, so it is taken while the chunk is
there and goes at once into the gradients of what made it (as Liger's does, Hsu et al. 2024; that
one waits for the GPU in each call).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

Softmax = Callable[[Any, Any], tuple[Any, Any]]
CHUNK = {"cuda": 2**29, "cpu": 2**25}  # logits held at a time; on a GPU 1 GiB in bf16


def linear_cross_entropy(hidden: Any, weight: Any, labels: Any, *, fused: bool = False) -> Any:
    """Sum -log softmax(hidden W^T)[labels] in float32: hidden (N, H), W (V, H), labels (N).

    Gradients flow to `hidden` and, where it is trained, to W. `fused` takes a Triton kernel.
    """
    return _function().apply(hidden, weight, labels, _softmax(fused))


@cache
def _function() -> Any:
    import torch

    class LinearCrossEntropy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, hidden: Any, weight: Any, labels: Any, softmax: Softmax) -> Any:
            grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
            grad_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
            total = torch.zeros((), device=hidden.device)
            rows = max(1, CHUNK.get(hidden.device.type, CHUNK["cpu"]) // len(weight))
            for begin in range(0, len(labels), rows):
                part = slice(begin, begin + rows)
                logits = hidden[part] @ weight.T
                loss, logits = softmax(logits, labels[part])
                total += loss
                if grad_hidden is not None:
                    torch.mm(logits, weight, out=grad_hidden[part])
                if grad_weight is not None:
                    grad_weight.addmm_(logits.T, hidden[part])
            ctx.save_for_backward(grad_hidden, grad_weight)
            return total

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            saved = ctx.saved_tensors
            parts = [part for part in saved if part is not None]
            if parts:  # one by one, a number on the GPU is multiplied in at half the speed
                torch._foreach_mul_(parts, grads[0].to(parts[0].dtype))  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
            return (*saved, None, None)

    return LinearCrossEntropy


def softmax_loss_and_gradient(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Return the summed cross-entropy of logits (N, V) and its gradient, softmax less one-hot."""
    import torch

    wide = logits.float()
    highest = wide.amax(-1, keepdim=True)
    norm = highest + (wide - highest).exp().sum(-1, keepdim=True).log()
    wanted = wide.gather(-1, labels[:, None])
    hot = torch.arange(logits.shape[-1], device=logits.device) == labels[:, None]
    gradient = (wide - norm).exp() - hot.to(wide.dtype)
    return (norm - wanted).sum(), gradient.to(logits.dtype)


def _softmax(fused: bool) -> Softmax:
    if not fused:
        return softmax_loss_and_gradient
    from tasks.finetuning.kernels.triton_kernels import softmax_loss_and_gradient as kernel

    return kernel
