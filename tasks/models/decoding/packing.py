"""Weights laid out as oneDNN's products in bfloat16 read them: else it lays them out each time.

At the few rows of a step that takes a third of a product's time. The layout is a copy, made where
there is memory for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.models.decoding.weights import Linear, Weights

MEMORY_SHARE = 0.25  # of what is free, for the copy


def pack(weights: Weights, free: float, rows: int) -> Weights:
    """Return weights with a layout for products of about `rows` rows, where that is of use."""
    linears = [weights.head] + [
        linear
        for layer in weights.layers
        for linear in (layer.qkv, layer.out, layer.gate_up, layer.down)
    ]
    size = sum(linear.weight.nbytes for linear in linears)
    if not _is_of_use(weights.embedding) or size > free * MEMORY_SHARE:
        return weights
    layers = [
        replace(
            layer,
            qkv=_packed(layer.qkv, rows),
            out=_packed(layer.out, rows),
            gate_up=_packed(layer.gate_up, rows),
            down=_packed(layer.down, rows),
        )
        for layer in weights.layers
    ]
    return replace(weights, layers=layers, head=_packed(weights.head, rows))


def _is_of_use(weight: Any) -> bool:
    """Tell whether oneDNN multiplies in a weight's precision, and has the layout to give."""
    import torch

    known = ("_linear_pointwise", "_reorder_linear_weight", "_is_mkldnn_bf16_supported")
    if weight.dtype != torch.bfloat16 or not torch.backends.mkldnn.is_available():
        return False
    if not all(hasattr(torch.ops.mkldnn, name) for name in known):
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _packed(linear: Linear, rows: int) -> Linear:
    import torch

    layout = torch.ops.mkldnn._reorder_linear_weight(linear.weight, rows)
    return replace(linear, packed=layout)
