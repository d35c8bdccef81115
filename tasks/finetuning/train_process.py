"""The training process: `python -m tasks.finetuning.train_process JOB.json`.

It is a process of its own so that whatever kills it is a clean failure of one stage. It says what
it does as one JSON object a line on standard output, and leaves in the job's `out` folder
`model/` (merged weights and the tokenizer), `adapter/` (LoRA and QLoRA), `training.json` and
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
from data_contracts.snapshot.reading import read_records
from model_registry.model_files import check_model_folder
from tasks.finetuning.curve import draw_losses
from tasks.finetuning.export import export_model
from tasks.finetuning.failures import explain
from tasks.finetuning.objectives.choice import objective_of
from tasks.finetuning.objectives.distillation import load_teacher
from tasks.finetuning.objectives.objective import Objective, Preparing
from tasks.finetuning.quantization import quantize
from tasks.finetuning.ranks import end_process, is_first, join, leave
from tasks.finetuning.recipe import Recipe, TrainingJob, TrainingSummary
from tasks.finetuning.trainer import StoppedError, Trainer
from tasks.models.loading import load_model

STOPPED = 143  # what a process that ends on SIGTERM leaves with
VALIDATION_ROWS = 200
FEW = 8  # rows trained on that are measured where none is held out


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
    first = is_first()
    with (out / ".training.lock").open("w") as lock:
        if first:  # of the processes of a run
            # A trainer whose parent was killed may still be finishing a step: wait for its end.
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            summary = train(job, out, report if first else _silent)
        except StoppedError as stopped:
            if first:
                report({"event": "stopped", "why": str(stopped)})
            return STOPPED
        except Exception as error:
            told = explain(error, job, estimate)
            if told is None:
                raise  # the traceback goes to the log
            words = {"what": told.what, "where": told.where, "remedy": told.remedy}
            report({"event": "error", "exit_code": told.exit_code, **words})
            return told.exit_code
        if first:
            report({"event": "done", "summary": summary.model_dump()})
    return 0


def _silent(_: dict[str, Any]) -> None:
    """Report nothing: the first process of a run does."""


def train(job: TrainingJob, out: Path, report: Callable[[dict[str, Any]], None]) -> TrainingSummary:
    """Train, export and summarize. Run again on the same `out`, it goes on where it ended.

    So the checkpoints stay: what comes after, such as storing the model, may still fail.
    """
    check_model_folder(Path(job.base))  # before the seconds that the libraries take to load
    import torch

    torch.manual_seed(job.recipe.seed)
    ranks, device = join()
    recipe = job.recipe.model_copy(update={"precision": choose_precision(job.recipe, device)})
    model, tokenizer = _load(Path(job.base), recipe, device)
    teacher = None
    if recipe.learns_logits:
        teacher = load_teacher(Path(job.teacher), Path(job.base), recipe, device)

    def objective_over(split: Split, most: int | None = None) -> Objective:
        records = read_records(Path(job.snapshot), split)
        return objective_of(recipe, records, tokenizer, teacher, most)

    objective = objective_over("train")
    if not objective.lengths:
        raise PaddockError(
            "no row is left to train on",
            step="finetune",
            where=job.snapshot,
            remedy="raise max_seq_length, or give more rows: every one was cut before its answer",
        )
    validation = objective_over("validation", VALIDATION_ROWS)
    # No loss has seen the last update yet; without held-out rows, some that it trained on tell.
    measured = validation if validation.lengths else objective_over("train", FEW)
    folder = out / ".checkpoints"

    def preparing(done: int, total: int) -> None:
        report({"event": "preparing", "done": done, "total": total})

    def prepare_objectives(causal: Any) -> None:
        for name, one in (("train", objective), ("measured", measured)):
            where = Preparing(folder / f"references-{name}", device, ranks, preparing)
            one.prepare(causal, recipe.max_seq_length, where)

    trainer = Trainer(model, recipe, objective, device, ranks, prepare_objectives)
    losses = trainer.run(folder, job.save_steps, report, job.spending)
    report({"event": "exporting"})
    means = trainer.means(measured)
    last_loss = means.pop("loss")
    validation_loss = last_loss if validation.lengths else None
    summary = _summary(trainer, losses, validation_loss, means)
    trainer.gather()
    leave(ranks)
    if ranks.first:
        export_model(trainer.model, job, out)
        (out / "training.json").write_text(
            json.dumps({"recipe": recipe.model_dump(), **summary.model_dump()}, indent=1)
        )
        curve = draw_losses(list(enumerate(losses, 1)), validation_loss, axis=objective.axis)
        (out / "loss.png").write_bytes(curve)
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
    quantized = recipe.method == "qlora"
    model, tokenizer = load_model(base, device="cpu" if quantized else str(device), dtype=dtype)
    return prepare(quantize(model, device) if quantized else model, recipe), tokenizer


def prepare(model: Any, recipe: Recipe) -> Any:
    """Return the model as the recipe trains it: LoRA and QLoRA freeze it under adapters.

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
    on_cpu, dtype = model.device.type == "cpu", model.dtype
    adapted: Any = get_peft_model(model, config, autocast_adapter_dtype=on_cpu)
    for parameter in adapted.parameters():
        if parameter.requires_grad and not on_cpu:
            parameter.data = parameter.data.to(dtype)  # over 4 bits, peft leaves it float32
    return adapted


def _summary(
    trainer: Trainer,
    losses: list[float],
    validation_loss: float | None,
    measured: dict[str, float],
) -> TrainingSummary:
    objective = trainer.objective
    seen = [index for step in trainer.plan for row in step for index in row]
    return TrainingSummary(
        steps=len(losses),
        rows=len({objective.record_id(index) for index in range(len(objective.lengths))}),
        rows_cut=sum(objective.is_cut(index) for index in range(len(objective.lengths))),
        tokens=sum(trainer.lengths[index] for index in seen),
        target_tokens=sum(objective.targets(index) for index in seen),
        trainable_parameters=sum(p.numel() for p in trainer.optimizer.parameters.values()),
        precision=trainer.recipe.precision,
        device=str(trainer.device),
        first_loss=losses[0],
        final_loss=losses[-1],
        validation_loss=validation_loss,
        losses=tuple(losses),
        measured=measured,
    )


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as pipe:
        os.dup2(2, 1)  # what a library prints goes to the log, not among the events
        code = main(sys.argv[1:], pipe)
        pipe.flush()
        sys.stderr.flush()
        end_process(code)
