"""What people look at while it trains: speed, share of the GPU's limit, time left and cost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tasks.finetuning.quantization import count
from tasks.finetuning.recipe import Recipe, Spending

SIDE = 8192  # of the matrices by which the limit is measured
STEPS = 20  # that speed and time left are averaged over


def matmul_limit(device: Any) -> float | None:
    """Measure the floating-point operations a second of a large bf16 matrix product on a GPU.

    Takes 0.2 s. On random data, since zeros run faster than real data will. None on a CPU.
    """
    if device.type != "cuda":
        return None
    import torch

    left, right = (torch.randn(SIDE, SIDE, device=device, dtype=torch.bfloat16) for _ in range(2))
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    for _ in range(3):
        torch.mm(left, right)
    marks[0].record()
    for _ in range(20):
        torch.mm(left, right)
    marks[1].record()
    torch.cuda.synchronize(device)
    return 20 * 2 * SIDE**3 / (marks[0].elapsed_time(marks[1]) / 1000)


def flops_per_token(model: Any, recipe: Recipe) -> int:
    """Return 6 N for full fine-tuning and 4 N for adapters, N being the base model's parameters.

    Two operations a weight forward, two for the gradient of its input, two for its own, which a
    frozen weight has not (Kaplan et al. 2020, appendix B; attention itself is left out).
    """
    frozen = (count(p) for p in model.parameters() if not (recipe.adapts and p.requires_grad))
    return (4 if recipe.adapts else 6) * sum(frozen)


@dataclass(slots=True)
class Meter:
    """Turns steps that ended into figures.

    `spent` are the seconds of a run's earlier lives as its checkpoint knows them. Who started this
    one may know of more: steps done for nothing, and the time that loading takes.
    """

    steps: int
    flops_per_token: int
    limit: float | None
    spending: Spending
    spent: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=STEPS + 1))
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        loading = time.time() - (self.spending.started_at or time.time())
        self.spent = max(self.spent, self.spending.earlier_seconds + max(0.0, loading))
        self._marks.append((self._began, 0))

    @property
    def seconds(self) -> float:
        """Return how long the run has taken, its earlier lives included."""
        return self.spent + self.clock() - self._began

    @property
    def cost(self) -> float | None:
        """Return what it has cost so far, where a price is set."""
        return self.spending.cost(self.seconds)

    def out_of_time(self) -> str | None:
        """Say that the time is up, if it is."""
        minutes = self.spending.max_minutes
        if minutes is not None and self.clock() - self._began >= 60 * minutes:
            return f"reached its limit of {minutes:g} minutes (max_minutes)"
        return None

    def out_of_budget(self) -> str | None:
        """Say that the budget is spent, if it is."""
        return self.spending.overspent(self.seconds)

    def figures(self, step: int, tokens: int) -> dict[str, float]:
        """Note that a step (from 1) of so many tokens ended; return the figures known by now."""
        self._marks.append((self.clock(), tokens))
        seconds = max(self._marks[-1][0] - self._marks[0][0], 1e-9)
        speed = sum(count for _, count in list(self._marks)[1:]) / seconds
        left = (self.steps - step) * seconds / (len(self._marks) - 1)
        found = {"tokens_per_second": speed, "seconds_left": left}
        if self.limit is not None:
            found["limit_share"] = speed * self.flops_per_token / self.limit
        if self.cost is not None:
            found["cost"] = self.cost
        return found
