"""Measures our own trainer: its loop, its packing, its batches made ahead, its reports."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tasks.finetuning.recipe import Recipe
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import Trainer
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths


class Unsaved(Trainer):
    """The trainer without the checkpoint at its end, which is no part of a step's time."""

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
    **recipe: Any,
) -> dict[str, Any]:
    """Train for some seconds; return tokens/s past the warm-up steps, and what the run said."""
    import torch

    settings: dict[str, Any] = {"precision": "bf16", "learning_rate": 1e-5, "num_train_epochs": 1}
    asked = Recipe.model_validate({**settings, **recipe})
    row = asked.max_seq_length * asked.per_device_train_batch_size
    row *= asked.gradient_accumulation_steps
    sizes = lengths(row * most_steps, min(longest, asked.max_seq_length), mean)
    examples = documents(sizes, SHAPES[shape]["vocab_size"])
    model = prepare(build(shape, device, getattr(torch, dtype)), asked)
    model.to(device)  # adapters are made on the CPU
    trainer = Unsaved(model, asked, examples, device)
    events: list[dict[str, Any]] = []
    marks: list[tuple[float, int]] = []
    begun = time.perf_counter()

    def hear(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] != "step":
            return
        now = time.perf_counter()
        step = trainer.plan[event["step"] - 1]
        marks.append((now, sum(trainer.lengths[i] for packed in step for i in packed)))
        if len(marks) > warmup + 2 and now - marks[0][0] >= seconds:
            trainer._stop = "measured"  # pyright: ignore[reportPrivateUsage]

    with tempfile.TemporaryDirectory() as folder:
        try:
            trainer.run(Path(folder), 10**9, hear)
        except Exception as error:
            if str(error) != "measured":
                raise
    timed = marks[warmup:]
    spent = timed[-1][0] - timed[0][0]
    tokens = sum(count for _, count in timed[1:])
    last = events[-1]
    start = next(event for event in events if event["event"] == "start")
    return {
        "tokens_per_second": tokens / spent,
        "steps": len(marks),
        "seconds_per_step": spent / (len(timed) - 1),
        "start_seconds": marks[0][0] - begun,
        "memory_gib": last["memory_gib"],
        "estimate_gib": start["estimate_gib"],
        "kernels": start["kernels"],
        "rows_per_pass": start["rows_per_pass"],
        "gradient_checkpointing": start["gradient_checkpointing"],
        "matmul_tflops": start["matmul_tflops"],
        "limit_share": last.get("limit_share"),
        "losses": [trainer.losses[0], trainer.losses[-1]],
        "filled": tokens / (row * (len(timed) - 1)),
    }
