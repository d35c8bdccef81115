"""Measures our own trainer: its loop, its packing, its batches made ahead, its reports."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from tasks.finetuning.batches import Batch
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.ranks import Ranks
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import StoppedError, Trainer
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths

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

    def _step(self, step: int, batches: list[Batch]) -> None:
        if step == self.warmup:
            self.began = self._now()
        super()._step(step, batches)
        enough = step >= self.warmup + 2 and time.perf_counter() - self.began >= self.seconds
        if enough or step + 1 == len(self.plan):
            self.last, self.ended, self._stop = step, self._now(), "measured"

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
    ranks: Ranks = ALONE,
    **recipe: Any,
) -> dict[str, Any]:
    """Train for some seconds; return tokens/s past the warm-up steps, and what the run said."""
    import torch

    settings: dict[str, Any] = {"precision": "bf16", "learning_rate": 1e-5, "num_train_epochs": 1}
    settings["max_steps"] = most_steps
    asked = Recipe.model_validate({**settings, **recipe})
    row = asked.row_length * asked.per_device_train_batch_size
    row *= asked.gradient_accumulation_steps * ranks.world
    sizes = lengths(row * most_steps * PLANNED, min(longest, asked.row_length), mean)
    examples = documents(sizes, SHAPES[shape]["vocab_size"])
    model = prepare(build(shape, device, getattr(torch, dtype)), asked)
    model.to(device)  # adapters are made on the CPU
    trainer = Measured(model, asked, Supervised(examples), device, ranks)
    trainer.seconds, trainer.warmup = seconds, warmup
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
        "losses": [trainer.losses[0], trainer.losses[-1]],
        "filled": tokens / (row * len(timed)),
    }
