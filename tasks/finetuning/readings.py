"""Losses and gradient norms, read some steps after they were computed, and what they forbid.

To read a figure from a GPU is to wait for all the work given to it. So each step's figures are
copied to pinned memory behind it and read when that copy is done, while the next steps run.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from data_contracts.errors import PaddockError

LAG = 2  # steps that a GPU may be ahead of what was read
EXPLODED = 10  # times the median of RECENT losses
# Steps in a row: one alone may be rows unlike the others, which a small batch shows, and passes.
STAYS = 3
RECENT, ENOUGH = 50, 20  # losses: of the median, and before it is trusted
SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class _Coming:
    step: int
    figures: Any
    copied: Any


class Readings:
    """A queue of steps whose figures are on their way."""

    def __init__(self, device: Any) -> None:
        self._on_gpu = device.type == "cuda"
        self._coming: deque[_Coming] = deque()

    def put(self, step: int, means: Any, norm: Any) -> None:
        """Take a step's means (F) and gradient norm, without waiting for them."""
        import torch

        figures = torch.cat([means.float(), norm.float()[None]])
        copied = None
        if self._on_gpu:
            figures = torch.empty(len(figures), pin_memory=True).copy_(figures, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record()
        self._coming.append(_Coming(step, figures, copied))

    def take(self, *, everything: bool = False) -> list[tuple[int, list[float], float]]:
        """Return (step, means, gradient norm) of the steps that are due, in order."""
        lag = LAG if self._on_gpu and not everything else 0
        due: list[tuple[int, list[float], float]] = []
        while len(self._coming) > lag:
            one = self._coming.popleft()
            if one.copied is not None:
                one.copied.synchronize()
            *means, norm = one.figures.tolist()
            due.append((one.step, means, norm))
        return due


def require_sound(
    step: int, loss: float, norm: float, before: Sequence[float], warmup: int, rows: Sequence[str]
) -> None:
    """Raise PaddockError if a step's loss or gradient is no number, or losses exploded and stay so.

    `before` are the losses of the steps before it, `rows` the ids of the records it trained on.
    """
    when = f"at step {step + 1}"
    require_finite(loss, "loss", when, rows)
    require_finite(norm, "gradient", when, rows)
    earlier = before[: len(before) - STAYS + 1]
    if len(earlier) >= max(warmup, ENOUGH):
        usual = median(earlier[-RECENT:])
        if min(loss, *before[len(earlier) :]) > max(EXPLODED * usual, before[0]):
            raise _stopped(f"the loss went from {usual:.3g} to {loss:.3g} {when}, and stays", rows)


def require_finite(value: float, what: str, when: str, rows: Sequence[str] = ()) -> None:
    """Raise PaddockError if a figure is no number."""
    if not math.isfinite(value):
        raise _stopped(f"the {what} became {value} {when}", rows)


def _stopped(what: str, rows: Sequence[str]) -> PaddockError:
    shown = ", ".join(rows[:SHOWN_ROWS])
    more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
    return PaddockError(
        what,
        step="finetune",
        where=f"rows {shown}{more}" if rows else "the training process",
        remedy="lower learning_rate, or look for broken rows in the data",
    )
