"""Linear layers that read the same input, differentiated together, with or without LoRA.

Their gradients to the input are added up inside the matrix products instead of by passes of their
own. So are adapters' updates: y = x W^T + (x A^T) (s B)^T (Hu et al. 2022, eq. 3), where peft's
scaling and addition are three more passes over an output as wide as the layer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any


def linears(x: Any, modules: Sequence[Any]) -> Sequence[Any]:
    """Return the outputs (T, out) of linear layers, or of peft's LoRA over them, for x (T, in)."""
    if all(_is_plain(module) for module in modules):
        return _function().apply(x, None, *(module.weight for module in modules))
    if all(_is_lora(module) for module in modules):
        names = [module.active_adapters[0] for module in modules]
        pairs = list(zip(modules, names, strict=True))
        weights = [module.get_base_layer().weight for module in modules]
        down = [module.lora_A[name].weight for module, name in pairs]
        up = [module.lora_B[name].weight for module, name in pairs]
        scales = [module.scaling[name] for module, name in pairs]
        return _function().apply(x, scales, *weights, *down, *up)
    return [module(x) for module in modules]


def _is_plain(module: Any) -> bool:
    import torch

    # FSDP2 gives what it shards a class of its own, and its weights are whole inside its call.
    return isinstance(module, torch.nn.Linear) and not _has_bias(module) and _is_dense(module)


def _has_bias(module: Any) -> bool:
    return module.bias is not None


def _is_lora(module: Any) -> bool:
    return (
        hasattr(module, "lora_A")
        and not module.merged
        and not module.disable_adapters
        and len(module.active_adapters) == 1
        and not _drops(module)
        and _is_plain(module.get_base_layer())
    )


def _drops(module: Any) -> bool:
    """Tell whether an adapter sees another part of the input than its neighbours: peft's way."""
    dropout = module.lora_dropout[module.active_adapters[0]]
    return dropout.training and getattr(dropout, "p", 0) > 0  # without dropout it is an Identity


def _is_dense(module: Any) -> bool:
    """Tell whether a layer's weights are numbers of its own shape: 4-bit ones are packed."""
    return module.weight.shape == (module.out_features, module.in_features)


@cache
def _function() -> Any:
    """Return f(x, scales, *weights, *downs, *ups): n weights, and with n scales as many of each.

    `scales` are numbers, or None without adapters; downs are (r, in), ups (out, r).
    """
    import torch

    class Linears(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, scales: Any, *tensors: Any) -> Any:
            count = len(tensors) if scales is None else len(tensors) // 3
            weights, downs, ups = (tensors[n * count : (n + 1) * count] for n in range(3))
            outs = [x @ weight.T for weight in weights]
            low, down = None, None
            if scales:
                down = torch.cat(downs) if count > 1 else downs[0]
                low = x @ down.T
                parts = low.split([len(one) for one in downs], dim=1)
                for out, part, up, scale in zip(outs, parts, ups, scales, strict=True):
                    out.addmm_(part, up.T, alpha=scale)
            ctx.save_for_backward(x, down, low, *weights, *ups)
            ctx.scales, ctx.ranks = scales, [len(one) for one in downs]
            return tuple(outs)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            x, down, low, *tensors = ctx.saved_tensors
            count = len(grads)
            weights, ups = tensors[:count], tensors[count:]
            wanted = ctx.needs_input_grad
            grad_x = _add_up(grads, weights) if wanted[0] else None
            grad_weights = [grad.T @ x if wanted[2 + n] else None for n, grad in enumerate(grads)]
            if down is None:
                return grad_x, None, *grad_weights
            grad_low = torch.empty_like(low)
            lows, grad_lows = (part.split(ctx.ranks, dim=1) for part in (low, grad_low))
            grad_ups: list[Any] = []
            for grad, up, scale, own, place in zip(
                grads, ups, ctx.scales, lows, grad_lows, strict=True
            ):
                place.addmm_(grad, up, beta=0, alpha=scale)
                grad_ups.append(grad.new_empty(up.shape).addmm_(grad.T, own, beta=0, alpha=scale))
            if grad_x is not None:
                grad_x.addmm_(grad_low, down)
            grad_downs = (grad_low.T @ x).split(ctx.ranks)
            return grad_x, None, *grad_weights, *grad_downs, *grad_ups

    return Linears


def _add_up(grads: Sequence[Any], weights: Sequence[Any]) -> Any:
    total = grads[0] @ weights[0]
    for grad, weight in zip(grads[1:], weights[1:], strict=True):
        total.addmm_(grad, weight)
    return total
