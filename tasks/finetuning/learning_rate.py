"""The learning rate of each step: a linear warmup, then one of Hugging Face's schedules.

Warmup differs in one thing from transformers: its first step is not at rate 0, which trains
nothing, but at the first part of the peak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import get_args

from tasks.finetuning.hyperparameters import Hyperparameters, Scheduler

MIN_LR_RATE = 0.1  # of the peak, at the end of cosine_with_min_lr


def _to_a_tenth(done: float) -> float:
    return MIN_LR_RATE + (1 - MIN_LR_RATE) / 2 * (1 + math.cos(math.pi * done))


# From the share of the steps after warmup that is done (0 to 1) to the share of the peak.
_FALLS: Mapping[Scheduler, Callable[[float], float]] = {
    "cosine_with_min_lr": _to_a_tenth,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
    "constant_with_warmup": lambda _: 1.0,
}
if set(_FALLS) != set(get_args(Scheduler)):
    raise NotImplementedError("a schedule that may be asked for has no formula")


def warmup_steps(given: Hyperparameters, steps: int) -> int:
    """Return in how many of the steps the rate rises; at least the first is at the peak."""
    return max(1, round(steps * given.warmup_ratio))


def learning_rate(given: Hyperparameters, step: int, steps: int) -> float:
    """Return the rate of a step (from 0) of so many."""
    warmup = warmup_steps(given, steps)
    if step < warmup:
        return given.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return given.learning_rate * _FALLS[given.lr_scheduler_type](done)
