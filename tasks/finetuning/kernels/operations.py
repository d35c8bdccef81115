"""What a Llama layer computes between its matrix products: Liger's kernels and ours, or torch.

The kernels need a GPU and the package `liger-kernel`; torch's are for the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tasks.finetuning.kernels import torch_operations


class Operations(NamedTuple):
    """Functions of rows (T, …) in one flat sequence; see `torch_operations` for each."""

    add_norm: Callable[..., Any]
    swiglu: Callable[[Any, Any], Any]
    rope: Callable[[Any, Any, Any, Any], Any]


def operations(device: Any) -> Operations:
    """Return those for a device."""
    if device.type == "cpu":
        own = torch_operations
        return Operations(own.add_norm, own.swiglu, own.rope)
    from liger_kernel.transformers.functional import (  # pyright: ignore[reportMissingImports]
        liger_rope,
        liger_swiglu,
    )

    from tasks.finetuning.kernels.norms import add_norm

    def rope(q: Any, k: Any, cos: Any, sin: Any) -> Any:
        # Liger takes (1, heads, T, D) and works on the storage, which is (T, heads, D) all along.
        turned = liger_rope(q[None].transpose(1, 2), k[None].transpose(1, 2), cos, sin)
        return (part.squeeze(0).transpose(0, 1) for part in turned)

    return Operations(add_norm, liger_swiglu, rope)
