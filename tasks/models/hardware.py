"""What this machine computes fast in: the one answer, for training and for evaluation."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

Precision = Literal["bfloat16", "float32"]

# How often OpenMP's threads look before they sleep while they wait for each other (libgomp). Those
# that spin for long collapse where anything else wants a core (10 x slower); waking takes time too.
# On two cores, seconds of a training step alone and beside a program that keeps one core busy:
# 1,000 1.0 and 1.4; 5,000 0.85 and 1.8; 20,000 0.73 and 3.0; libgomp's own choice 0.69 and 9 to 15.
BRIEF_SPIN, TRAINING_SPIN = "1000", "20000"

# Processors with products of bfloat16 in hardware; elsewhere torch imitates them, slower than
# float32.
_PROBES = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
_FLAGS = frozenset({"avx512_bf16", "amx_tile", "bf16"})  # the same, as Linux says it
_PROCESSORS = Path("/proc/cpuinfo")


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
    if known := _without_torch():
        return "cpu", known
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return device, fastest_precision(device)


def _without_torch() -> Precision | None:
    """Return the precision where torch was built for processors alone and Linux names theirs.

    Importing torch takes a second or two, which a run that finds all of its work done can spare.
    """
    if "torch" in sys.modules or not version("torch").endswith("+cpu"):
        return None
    try:
        said = re.search(r"^(?:flags|Features)\s*:(.*)$", _PROCESSORS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return ("bfloat16" if _FLAGS & set(said[1].split()) else "float32") if said else None
