"""What this machine computes fast in: the one answer, for training and for evaluation."""

from __future__ import annotations

from typing import Literal

Precision = Literal["bfloat16", "float32"]

# Processors with products of bfloat16 in hardware; elsewhere torch imitates them, slower than
# float32.
_PROBES = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")


def fastest_precision(device: str) -> Precision:
    """Return bfloat16 where a device (`cpu`, `cuda`, `cuda:1`) multiplies in it, else float32."""
    import torch

    if device.startswith("cuda"):
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device == "cpu" and any(
            getattr(torch.cpu, probe, lambda: False)() for probe in _PROBES
        )
    return "bfloat16" if fast else "float32"


def device_and_precision() -> tuple[str, Precision]:
    """Return the device that models answer on here, and the precision it is fast in."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return device, fastest_precision(device)
