"""The training process: `python -m tasks.finetuning.train_process JOB.json`.

It is a process of its own so that whatever kills it is a clean failure of one stage. It says what
it does as one JSON object a line on standard output, and leaves in the job's `out` folder
`model/` (merged weights and the tokenizer), `adapter/` (LoRA only), `training.json` and
`loss.png`. Checkpoints stand in `.checkpoints/` there; who stores the output removes them.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from data_contracts.errors import PaddockError
from data_contracts.records import Split
from data_contracts.snapshot import read_records
from model_registry.loading import check_model_folder, load_model
from tasks.finetuning.curve import draw_losses
from tasks.finetuning.export import export_model
from tasks.finetuning.failures import explain
from tasks.finetuning.recipe import Recipe, TrainingJob, TrainingSummary
from tasks.finetuning.tokenizing import Example, encode
from tasks.finetuning.trainer import StoppedError, Trainer

STOPPED = 143  # what a process that ends on SIGTERM leaves with
VALIDATION_ROWS = 200


def write_event(events: TextIO, event: dict[str, Any]) -> None:
    """Write one event; where nobody reads any more, the parent is dead and so are we."""
    try:
        events.write(json.dumps(event) + "\n")
        events.flush()
    except BrokenPipeError:
        os._exit(1)


def main(arguments: list[str], events: TextIO) -> int:
    """Run the job of a job file; return the process's exit code."""
    estimate: dict[str, float] = {}

    def report(event: dict[str, Any]) -> None:
        estimate.update(event.get("estimate_gib", {}))
        write_event(events, event)

    job = TrainingJob.model_validate_json(Path(arguments[0]).read_text())
    out = Path(job.out)
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".training.lock").open("w") as lock:
        # A trainer whose parent was killed may still be finishing a step: wait for its end.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            report({"event": "done", "summary": train(job, out, report).model_dump()})
        except StoppedError as stopped:
            report({"event": "stopped", "why": str(stopped)})
            return STOPPED
        except Exception as error:
            told = explain(error, job, estimate)
            if told is None:
                raise  # the traceback goes to the log
            report(
                {"event": "error", "what": told.what, "where": told.where, "remedy": told.remedy}
            )
            return told.exit_code
    return 0


def train(job: TrainingJob, out: Path, report: Callable[[dict[str, Any]], None]) -> TrainingSummary:
    """Train, export and summarize. Run again on the same `out`, it goes on where it ended.

    So the checkpoints stay: what comes after, such as storing the model, may still fail.
    """
    check_model_folder(Path(job.base))  # before the seconds that the libraries take to load
    import torch

    torch.manual_seed(job.recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = job.recipe.model_copy(update={"precision": choose_precision(job.recipe, device)})
    model, tokenizer = _load(Path(job.base), recipe, device)
    examples = _examples(job, tokenizer, "train")
    if not examples:
        raise PaddockError(
            "no row is left to train on",
            step="finetune",
            where=job.snapshot,
            remedy="raise max_seq_length, or give more rows: every one was cut before its answer",
        )
    trainer = Trainer(model, recipe, examples, device)
    held_out = _examples(job, tokenizer, "validation")[:VALIDATION_ROWS]
    losses = trainer.run(out / ".checkpoints", job.save_steps, report, job.spending)
    report({"event": "exporting"})
    # No loss has seen the last update yet; without held-out rows, a row trained on tells.
    last_loss = trainer.mean_loss(held_out or examples[:1])
    validation_loss = last_loss if held_out else None
    summary = _summary(trainer, examples, losses, validation_loss, recipe)
    export_model(trainer.model, job, out)
    (out / "training.json").write_text(
        json.dumps({"recipe": recipe.model_dump(), **summary.model_dump()}, indent=1)
    )
    (out / "loss.png").write_bytes(draw_losses(list(enumerate(losses, 1)), validation_loss))
    return summary


def choose_precision(recipe: Recipe, device: Any) -> str:
    """Return bf16 where the hardware multiplies in it, float32 elsewhere, unless told."""
    import torch

    if recipe.precision != "auto":
        return recipe.precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    fast = any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return "bf16" if fast else "fp32"


def _load(base: Path, recipe: Recipe, device: Any) -> tuple[Any, Any]:
    dtype = "bfloat16" if recipe.precision == "bf16" else "float32"
    model, tokenizer = load_model(base, device=str(device), dtype=dtype)
    return prepare(model, recipe), tokenizer


def prepare(model: Any, recipe: Recipe) -> Any:
    """Return the model as the recipe trains it: LoRA freezes it under adapters.

    These compute in float32 on a CPU, where it costs little and small models learn better by it,
    and in the model's precision on a GPU.
    """
    if recipe.method == "full":
        return model
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(recipe.seed)  # the adapters' first values
    config = LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config, autocast_adapter_dtype=model.device.type == "cpu")


def _examples(job: TrainingJob, tokenizer: Any, split: Split) -> list[Example]:
    return encode(read_records(Path(job.snapshot), split), tokenizer, job.recipe.max_seq_length)


def _summary(
    trainer: Trainer,
    examples: list[Example],
    losses: list[float],
    validation_loss: float | None,
    recipe: Recipe,
) -> TrainingSummary:
    seen = [examples[index] for step in trainer.plan for row in step for index in row]
    return TrainingSummary(
        steps=len(losses),
        rows=len(examples),
        rows_cut=sum(example.cut for example in examples),
        tokens=sum(len(example.tokens) for example in seen),
        target_tokens=sum(sum(example.targets[1:]) for example in seen),
        trainable_parameters=sum(p.numel() for p in trainer.optimizer.parameters.values()),
        precision=recipe.precision,
        device=str(trainer.device),
        first_loss=losses[0],
        final_loss=losses[-1],
        validation_loss=validation_loss,
        losses=tuple(losses),
    )


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as pipe:
        os.dup2(2, 1)  # what a library prints goes to the log, not among the events
        sys.exit(main(sys.argv[1:], pipe))
