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
        weights = [module.get_base_layer().weight for module in modules]
        names = [module.active_adapters[0] for module in modules]
        pairs = list(zip(modules, names, strict=True))
        down = [module.lora_A[name].weight for module, name in pairs]
        up = [module.lora_B[name].weight * module.scaling[name] for module, name in pairs]
        import torch

        return _function().apply(x, torch.cat(down), *weights, *up)
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
    """Return f(x, A or None, *weights, *ups): n weights, with A (n r, in) as many ups (out, r)."""
    import torch

    class Linears(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, down: Any, *tensors: Any) -> Any:
            count = len(tensors) if down is None else len(tensors) // 2
            weights, ups = tensors[:count], tensors[count:]
            outs = [x @ weight.T for weight in weights]
            low = None
            if down is not None:
                low = x @ down.T
                for out, part, up in zip(outs, low.chunk(count, dim=1), ups, strict=True):
                    out.addmm_(part, up.T)
            ctx.save_for_backward(x, down, low, *tensors)
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
            grad_low = torch.cat([grad @ up for grad, up in zip(grads, ups, strict=True)], dim=1)
            if grad_x is not None:
                grad_x.addmm_(grad_low, down)
            lows = low.chunk(count, dim=1)
            grad_ups = [grad.T @ part for grad, part in zip(grads, lows, strict=True)]
            return grad_x, grad_low.T @ x, *grad_weights, *grad_ups

    return Linears


def _add_up(grads: Sequence[Any], weights: Sequence[Any]) -> Any:
    total = grads[0] @ weights[0]
    for grad, weight in zip(grads[1:], weights[1:], strict=True):
        total.addmm_(grad, weight)
    return total
