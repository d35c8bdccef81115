"""Measures our own trainer: its loop, its packing, its batches made ahead, its reports."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from tasks.finetuning.batches import Batch
from tasks.finetuning.quantization import quantize
from tasks.finetuning.ranks import Ranks
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import StoppedError, Trainer
from tests.benchmarks.finetuning import objectives
from tests.benchmarks.finetuning.profiling import Profile
from tests.benchmarks.finetuning.shapes import build

ALONE = Ranks()
# As many rows are packed as there are steps, times this: a plan's few half-empty rows, which a real
# one has once in hundreds, would else be one in twenty of those that are timed.
PLANNED = 8


class Measured(Trainer):
    """The trainer, timed from one step to another with nothing under way at either end.

    Without the checkpoint at its end, which is no part of a step's time.
    """

    seconds: float
    warmup: int
    began = ended = 0.0
    last = 0
    profiled: list[str] | None = None  # lines, where they are asked for: an empty list
    _profile: Profile | None = None

    def _step(self, step: int, batches: list[Batch]) -> None:
        self._look(step)
        if step == self.warmup:
            self.began = self._now()
        super()._step(step, batches)
        enough = step >= self.warmup + 2 and time.perf_counter() - self.began >= self.seconds
        if enough or step + 1 == len(self.plan):
            self.last, self.ended, self._stop = step, self._now(), "measured"

    def _look(self, step: int) -> None:
        """Record the last two steps before those that are timed."""
        if self.profiled is None or step not in (self.warmup - 2, self.warmup):
            return
        self._now()
        if self._profile is None:
            self._profile = Profile()
            self._profile.start()
        else:
            self.profiled += self._profile.stop(2)

    def _now(self) -> float:
        """Wait for all the work given to a GPU, which no report of a step does."""
        if self.device.type == "cuda":
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    def _save(self, folder: Path, step: int, seconds: float) -> None: ...


def measure(
    shape: str,
    device: Any,
    *,
    seconds: float,
    warmup: int,
    longest: int = 4096,
    mean: float = 400,
    dtype: str = "bfloat16",
    most_steps: int = 60,
    planned: int = PLANNED,
    teacher: str = "",
    profile: bool = False,
    ranks: Ranks = ALONE,
    **recipe: Any,
) -> dict[str, Any]:
    """Train for some seconds; return tokens/s past the warm-up steps, and what the run said.

    `all_in` counts what the objective prepared for these tokens too, `teacher` is a shape.
    """
    import torch

    settings: dict[str, Any] = {"precision": "bf16", "learning_rate": 1e-5, "num_train_epochs": 1}
    settings["max_steps"] = most_steps
    asked = Recipe.model_validate({**settings, **recipe})
    row = asked.row_length * asked.per_device_train_batch_size
    row *= asked.gradient_accumulation_steps * ranks.world
    cut = min(longest, asked.row_length // asked.learned.sequences)
    learned = objectives.make(asked, shape, row * most_steps * planned, cut, mean, device, teacher)
    base = build(shape, device, getattr(torch, dtype))
    model = prepare(quantize(base, device) if asked.method == "qlora" else base, asked)
    model.to(device)  # adapters are made on the CPU
    prepared = objectives.Prepared(learned, asked, device)
    trainer = Measured(model, asked, learned, device, ranks, prepared)
    trainer.seconds, trainer.warmup = seconds, warmup
    trainer.profiled = [] if profile else None
    events: list[dict[str, Any]] = []
    first_step: list[float] = []
    begun = time.perf_counter()

    def hear(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "step" and not first_step:
            first_step.append(time.perf_counter() - begun)

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(StoppedError):
        trainer.run(Path(folder), 10**9, hear)
    timed = trainer.plan[warmup : trainer.last + 1]
    spent = trainer.ended - trainer.began
    tokens = sum(trainer.lengths[i] for step in timed for packed in step for i in packed)
    last = events[-1]
    start = next(event for event in events if event["event"] == "start")
    return {
        "tokens_per_second": tokens / spent,
        "all_in": prepared.all_in(tokens / spent),
        "steps": len(timed),
        "seconds_per_step": spent / len(timed),
        "start_seconds": first_step[0],
        "memory_gib": last["memory_gib"],
        "estimate_gib": start["estimate_gib"],
        "kernels": start["kernels"],
        "rows_per_pass": start["rows_per_pass"],
        "gradient_checkpointing": start["gradient_checkpointing"],
        "matmul_tflops": start["matmul_tflops"],
        "limit_share": last.get("limit_share"),
        "losses": [*trainer.losses[:4], trainer.losses[-1]],
        "whole": trainer.fit.whole,
        "profile": trainer.profiled,
        "filled": tokens / (row * len(timed)),
    }
