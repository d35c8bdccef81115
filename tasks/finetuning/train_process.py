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

from tasks.finetuning.curve import draw_losses
from tasks.finetuning.export import export_model, weights_note
from tasks.finetuning.failures import explain, unexpected
from tasks.finetuning.fitting import Fitting
from tasks.finetuning.objectives.distillation import load_teacher
from tasks.finetuning.objectives.objective import Preparing
from tasks.finetuning.quantization import quantize, stored_bytes
from tasks.finetuning.ranks import end_process, is_first, join, leave
from tasks.finetuning.recipe import Recipe, TrainingJob, TrainingSummary
from tasks.finetuning.row_length import keep_length
from tasks.finetuning.rows import RowAccount
from tasks.finetuning.trainer import StoppedError, Trainer
from tasks.models.garbage import collect_rarely
from tasks.models.hardware import fastest_precision
from tasks.models.loading import load_model, load_outline

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
                if first:
                    report(unexpected(error))
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
    base = Path(job.base)
    outline, tokenizer = load_outline(base)
    # Before the seconds, or minutes, that libraries and model take to load.
    fitting = Fitting(job, tokenizer, outline.config.max_position_embeddings, report)
    import torch

    torch.manual_seed(job.recipe.seed)
    ranks, device = join()
    precision = {"precision": choose_precision(job.recipe, device)}
    model = _load(base, job.recipe.model_copy(update=precision), device)
    teacher = None
    if job.recipe.learns_logits:
        teacher = load_teacher(Path(job.teacher), base, precision["precision"], device)
    held = sum(map(stored_bytes, teacher.parameters())) if teacher else 0
    recipe = fitting.settle(model, device, ranks.world, held).model_copy(update=precision)
    if ranks.first:
        keep_length(out, recipe.row_length)
    objective = fitting.over(fitting.train, recipe, teacher)
    validation = fitting.over(fitting.validation, recipe, teacher, VALIDATION_ROWS)
    # No loss has seen the last update yet; without held-out rows, some that it trained on tell.
    measured = (
        validation if validation.lengths else fitting.over(fitting.train, recipe, teacher, FEW)
    )
    folder = out / ".checkpoints"

    def preparing(done: int, total: int) -> None:
        report({"event": "preparing", "done": done, "total": total, "what": objective.preparing})

    def prepare_objectives(causal: Any) -> None:
        for name, one in (("train", objective), ("measured", measured)):
            where = Preparing(folder / f"references-{name}", device, ranks, preparing)
            one.prepare(causal, recipe.row_length, where)

    trainer = Trainer(model, recipe, objective, device, ranks, prepare_objectives)
    losses = trainer.run(folder, job.save_steps, report, job.spending)
    report({"event": "exporting"})
    means = trainer.means(measured)
    last_loss = means.pop("loss")
    validation_loss = last_loss if validation.lengths else None
    notes = (*fitting.notes(), weights_note(recipe, base))
    if job.goes_on:
        notes = (f"it began at the weights of {job.base_name}", *notes)
    summary = _summary(trainer, losses, validation_loss, means, fitting.account, notes)
    trainer.gather()
    leave(ranks)
    if ranks.first:
        export_model(trainer.model, job.model_copy(update={"recipe": recipe}), out)
        (out / "training.json").write_text(
            json.dumps({"recipe": recipe.model_dump(), **summary.model_dump()}, indent=1)
        )
        curve = draw_losses(list(enumerate(losses, 1)), validation_loss, axis=objective.axis)
        (out / "loss.png").write_bytes(curve)
    return summary


def choose_precision(recipe: Recipe, device: Any) -> str:
    """Return bf16 where the hardware multiplies in it, float32 elsewhere, unless told."""
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if fastest_precision(str(device)) == "bfloat16" else "fp32"


def _load(base: Path, recipe: Recipe, device: Any) -> Any:
    dtype = "bfloat16" if recipe.precision == "bf16" else "float32"
    quantized = recipe.method == "qlora"
    model, _ = load_model(base, device="cpu" if quantized else str(device), dtype=dtype)
    if device.type == "cpu":  # out of the file that is mapped, whose pages are small
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()
    return prepare(quantize(model, device) if quantized else model, recipe)


def prepare(model: Any, recipe: Recipe) -> Any:
    """Return the model as the recipe trains it: LoRA and QLoRA freeze it under adapters.

    These compute in the model's precision; the optimizer updates float32 copies of them.
    """
    if recipe.method == "full":
        return model
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(recipe.seed)  # the adapters' first values
    config = LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    dtype = model.dtype
    adapted: Any = get_peft_model(model, config, autocast_adapter_dtype=False)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)  # over 4 bits, peft leaves it float32
    return adapted


def _summary(
    trainer: Trainer,
    losses: list[float],
    validation_loss: float | None,
    measured: dict[str, float],
    account: RowAccount,
    notes: tuple[str, ...],
) -> TrainingSummary:
    objective = trainer.objective
    seen = [index for step in trainer.plan for row in step for index in row]
    return TrainingSummary(
        steps=len(losses),
        rows_given=account.given,
        rows=account.trained,
        rows_cut=account.cut,
        rows_left_out=account.left_out,
        row_length=account.row_length,
        longest_row=account.longest,
        notes=notes,
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
    collect_rarely()
    with os.fdopen(os.dup(1), "w") as pipe:
        os.dup2(2, 1)  # what a library prints goes to the log, not among the events
        code = main(sys.argv[1:], pipe)
        pipe.flush()
        sys.stderr.flush()
        end_process(code)
