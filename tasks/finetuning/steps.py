"""Prefect's view of fine-tuning: bring the base model in, then train, both found again."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.registry import RecordKind
from data_contracts.snapshot.reading import SnapshotReport, read_report
from model_registry.run_log import RunLog, machine_sampler
from model_registry.tracking import Registry
from tasks.finetuning.base_model import BaseModel, materialize
from tasks.finetuning.following import Following, Progress, Show
from tasks.finetuning.history import History
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import NOT_LIMITED, Recipe, Spending, TrainingJob, TrainingSummary
from tasks.finetuning.reproduce import (
    NAMES,
    TRAIN,
    Origin,
    Reproduction,
    installed,
    machine,
    portable_job,
    write_reproduction,
)
from tasks.storage.outputs import ABOUT, Built, Outputs, Reference
from tasks.storage.stages import BASE, MODEL, Work

FINGERPRINT = "paddock.fingerprint"


def base_work(base: BaseModel) -> Work:
    """Return the work of bringing a base model in."""
    return BASE.of({"source": base.digest}, {})


@task(name="bring in the base model", cache_policy=NO_CACHE)
def base_step(outputs: Outputs, base: BaseModel) -> Built:
    """Copy or convert the base model into the store, or find it there."""

    def make(folder: Path) -> dict[str, int]:
        materialize(base, folder)
        return {}

    return outputs.build(base_work(base), make)


def training_work(
    base: Reference,
    snapshot: Reference,
    recipe: Recipe,
    teacher: Reference | None = None,
    answers: Reference | None = None,
    start: Reference | None = None,
) -> Work:
    """Return the work of training a model.

    `answers` are the snapshot's rows as a teacher answers them, to be trained on in its place;
    `start` is whose weights it begins at in place of the base's.
    """
    given = {"base": base, "snapshot": snapshot, "teacher": teacher, "answers": answers}
    given["start"] = start
    inputs = {name: reference.digest for name, reference in given.items() if reference}
    return MODEL.of(inputs, recipe.deciding())


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
    start: Reference | None = None,
    start_name: str = "",
    save_steps: int,
    max_left_out_share: float,
    spending: Spending = NOT_LIMITED,
    rendezvous: str = "",
    origin: Origin,
    progress: Progress,
    show: Show,
) -> Built:
    """Train in a process of its own, with its figures in MLflow as they come, or find the model.

    A run that was killed is the run that goes on, in MLflow too.
    """
    work = training_work(base, snapshot, recipe, teacher, answers, start)
    begun, begun_name = (start, start_name) if start else (base, base_name)
    identity = work.fingerprint

    def make(folder: Path) -> dict[str, int]:
        history = History(folder)
        report = read_report(outputs.fetch(snapshot))
        job = TrainingJob(
            base=str(outputs.fetch(begun)),
            base_name=begun_name,
            base_digest=begun.digest,
            goes_on=start is not None,
            snapshot=str(outputs.fetch(answers or snapshot)),
            teacher=str(outputs.fetch(teacher)) if teacher and recipe.learns_logits else "",
            kind=ChatRecord.KIND if answers else kind,
            out=str(folder),
            rows_asked=report.splits["train"] if answers else None,
            max_left_out_share=max_left_out_share,
            save_steps=save_steps,
            rendezvous=rendezvous,
            spending=spending.model_copy(
                update={"earlier_seconds": history.seconds, "started_at": time.time()}
            ),
            recipe=recipe,
        )
        run = registry.ensure_run(experiment, f"train {identity[:12]}", {FINGERPRINT: identity})
        names = {"base_model": base_name, "data": _data_name(snapshot, report, origin)}
        names |= {"start_model": start_name} if start else {}
        registry.log_parameters(run, {**work.parameters, **names, **work.inputs})
        log = RunLog(registry, run, sample=machine_sampler())
        try:
            following = Following(history, log, progress, show)
            history.begin()
            summary = run_training(job, following)
        except BaseException:
            with suppress(Exception):  # MLflow's own trouble must not hide why training failed
                log.close()
                registry.finish_run(run, failed=True)
            raise
        made = Reproduction(
            command=origin.command,
            train_command=TRAIN,
            parameters=origin.parameters,
            job=portable_job(
                job, begun.key, (answers or snapshot).key, teacher.key if teacher else "", summary
            ),
            notes=summary.notes,
            base={"name": base_name, "digest": base.digest},
            start={"name": start_name, "digest": start.digest} if start else {},
            snapshot={"digest": snapshot.digest},
            fingerprint=identity,
            code_revision=outputs.revision,
            libraries=installed(),
            hardware=machine(),
            seconds=round(history.seconds, 1),
            cost=spending.cost(history.seconds),
            gpus=spending.gpus,
        )
        write_reproduction(folder / ABOUT, made)
        log.put(_figures_at_the_end(summary, made), summary.steps)
        log.close()
        # Not figures of a step: as charts they would stand before the loss.
        registry.log_parameters(run, _rows_at_the_end(summary))
        for name in ("training.json", "loss.png", *(f"{ABOUT}/{name}" for name in NAMES)):
            registry.upload(run, folder / name)
        registry.finish_run(run)
        return {
            "steps": summary.steps,
            "tokens": summary.tokens,
            "seconds": round(history.seconds),
        }

    return outputs.build(work, make)


def _data_name(snapshot: Reference, report: SnapshotReport, origin: Origin) -> str:
    """Return what people call a snapshot: the last part of its source, its rows, its beginning."""
    source = str(origin.parameters.get("source", "")).rstrip("/").rpartition("/")[2]
    return f"{source or 'snapshot'}, {report.kept} rows, {snapshot.digest[:12]}"


def _figures_at_the_end(summary: TrainingSummary, made: Reproduction) -> dict[str, float]:
    measured = summary.measured if summary.validation_loss is not None else {}
    found = {
        **{f"validation_{name}": value for name, value in measured.items()},
        "validation_loss": summary.validation_loss,
        "seconds": made.seconds,
        "cost": made.cost,
    }
    return {name: value for name, value in found.items() if value is not None}


def _rows_at_the_end(summary: TrainingSummary) -> dict[str, int]:
    return {
        "rows_given": summary.rows_given,
        "rows_trained": summary.rows,
        "rows_cut": summary.rows_cut,
        "rows_left_out": sum(summary.rows_left_out.values()),
        "row_length": summary.row_length,
    }
