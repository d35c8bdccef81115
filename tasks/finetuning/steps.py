"""Prefect's view of fine-tuning: bring the base model in, then train, both found again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.records import RecordKind
from model_registry.tracking import Registry
from tasks.finetuning.base_model import BaseModel, materialize
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import NOT_LIMITED, Recipe, Spending, TrainingJob
from tasks.storage.outputs import Built, Outputs, Reference, fingerprint

BASE_STAGE, STAGE, RECIPE = "base", "model", 2
FINGERPRINT = "paddock.fingerprint"
LIVE = (
    "loss",
    "reward_margin",
    "pair_accuracy",
    "teacher_divergence",
    "cross_entropy",
    "gradient_norm",
    "learning_rate",
    "tokens_per_second",
    "memory_gib",
    "limit_share",
    "cost",
)


@task(name="bring in the base model", cache_policy=NO_CACHE)
def base_step(outputs: Outputs, base: BaseModel) -> Built:
    """Copy or convert the base model into the store, or find it there."""

    def make(folder: Path) -> dict[str, int]:
        materialize(base, folder)
        return {}

    return outputs.build(BASE_STAGE, RECIPE, {"source": base.digest}, {}, make)


def training_identity(
    base: Reference,
    snapshot: Reference,
    recipe: Recipe,
    teacher: Reference | None = None,
    answers: Reference | None = None,
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return (inputs, parameters) of a trained model: what its fingerprint is made of.

    `answers` are the snapshot's rows as a teacher answers them, to be trained on in its place.
    """
    given = {"base": base, "snapshot": snapshot, "teacher": teacher, "answers": answers}
    inputs = {name: reference.digest for name, reference in given.items() if reference}
    return inputs, recipe.deciding()


def start_note(event: dict[str, Any]) -> str:
    """Say how a run begins, in a few words."""
    begins = "resumed from a checkpoint" if event["step"] else "begins"
    way = ", with gradient checkpointing" if event["gradient_checkpointing"] else ""
    return f"{begins}; a step needs about {event['estimate_gib']['total']:.1f} GiB{way}"


def step_note(event: dict[str, Any]) -> str:
    """Say how a step went, in a few words."""
    parts = [f"loss {event['loss']:.3f}"]
    if "reward_margin" in event:
        told_apart = f"{event['pair_accuracy']:.0%} of pairs"
        parts.append(f"margin {event['reward_margin']:.3f}, {told_apart}")
    if "teacher_divergence" in event:
        parts.append(f"{event['teacher_divergence']:.3f} from the teacher")
    parts.append(f"{event['tokens_per_second']:.0f} tokens/s")
    if "limit_share" in event:
        parts.append(f"{event['limit_share']:.0%} of the GPU's limit")
    if "cost" in event:
        parts.append(f"{event['cost']:.2f} spent")
    return ", ".join(parts)


@task(name="finetune", cache_policy=NO_CACHE)
def finetune_step(
    outputs: Outputs,
    registry: Registry,
    *,
    experiment: str,
    base: Reference,
    base_name: str,
    snapshot: Reference,
    kind: RecordKind,
    recipe: Recipe,
    teacher: Reference | None = None,
    answers: Reference | None = None,
    save_steps: int,
    spending: Spending = NOT_LIMITED,
    progress: Callable[[int, int | None, str], None],
) -> Built:
    """Train in a process of its own, with its figures in MLflow as they come, or find the model.

    A run that was killed is the run that goes on, in MLflow too.
    """
    inputs, parameters = training_identity(base, snapshot, recipe, teacher, answers)
    identity = fingerprint(STAGE, RECIPE, inputs, parameters)

    def make(folder: Path) -> dict[str, int]:
        job = TrainingJob(
            base=str(outputs.fetch(base)),
            base_name=base_name,
            base_digest=base.digest,
            snapshot=str(outputs.fetch(answers or snapshot)),
            teacher=str(outputs.fetch(teacher)) if teacher and recipe.learns_logits else "",
            kind="chat" if answers else kind,
            out=str(folder),
            save_steps=save_steps,
            spending=spending,
            recipe=recipe,
        )
        run = registry.ensure_run(experiment, f"train {identity[:12]}", {FINGERPRINT: identity})
        registry.log_parameters(run, {**parameters, "base": base_name, **inputs})
        started = time.monotonic()

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "step":
                figures = {name: event[name] for name in LIVE if name in event}
                registry.log_metrics(run, figures, event["step"])
                progress(event["step"], event["steps"], step_note(event))
            elif event["event"] == "start":
                progress(event["step"], event["steps"], start_note(event))

        try:
            summary = run_training(job, on_event)
        except BaseException:
            with suppress(Exception):  # MLflow's own trouble must not hide why training failed
                registry.finish_run(run, failed=True)
            raise
        for name in ("training.json", "loss.png"):
            registry.upload(run, folder / name)
        if summary.validation_loss is not None:
            measured = {f"validation_{name}": it for name, it in summary.measured.items()}
            figures = {"validation_loss": summary.validation_loss, **measured}
            registry.log_metrics(run, figures, summary.steps)
        registry.finish_run(run)
        return {
            "steps": summary.steps,
            "tokens": summary.tokens,
            "seconds": round(time.monotonic() - started),
        }

    return outputs.build(STAGE, RECIPE, inputs, parameters, make)
