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
CACHED = 2**19  # logits that a core's cache holds in float32
CHUNK = {"cuda": 2**29, "cpu": 2**23}  # logits held at a time; on a GPU 1 GiB in bf16


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
            # One place for all chunks: fresh memory would have to be found, and emptied, for each.
            place = hidden.new_empty(min(rows, len(labels)), len(weight))
            for begin in range(0, len(labels), rows):
                part = slice(begin, begin + rows)
                logits = torch.mm(hidden[part], weight.T, out=place[: len(labels[part])])
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
    """Return the summed cross-entropy of logits (N, V) and its gradient, softmax less one-hot.

    The gradient takes the logits' place, some rows at a time, which stay in a processor's cache.
    """
    import torch

    total = torch.zeros((), device=logits.device)
    rows = max(1, CACHED // logits.shape[-1]) if logits.device.type == "cpu" else len(logits)
    places = [logits.new_empty(min(rows, len(logits)), logits.shape[-1], dtype=torch.float32)]
    places.append(torch.empty_like(places[0]))
    for part, wanted in zip(logits.split(rows), labels[:, None].split(rows), strict=True):
        wide, gradient = (place[: len(part)] for place in places)
        torch.softmax(wide.copy_(part), dim=-1, out=gradient)
        # The likeliest has exp(0) over the sum, so the sum is known without another pass of exp.
        norm = wide.amax(-1, keepdim=True) - gradient.amax(-1, keepdim=True).log()
        total += (norm - wide.gather(-1, wanted)).sum()
        gradient.scatter_add_(-1, wanted, gradient.new_full(wanted.shape, -1.0))
        part.copy_(gradient)
    return total, logits


def _softmax(fused: bool) -> Softmax:
    if not fused:
        return softmax_loss_and_gradient
    from tasks.finetuning.kernels.triton_kernels import softmax_loss_and_gradient as kernel

    return kernel
