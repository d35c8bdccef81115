"""Prefect's view of evaluation: answers and likelihoods a model, then one scorecard of them all.

What one model answered is an output of its own, so the base and the champion are asked once for
each version of the eval sets, not once for each candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.snapshot.reading import read_records
from eval_sets.types import EvalSet
from model_registry.scorecard import Role
from tasks.evaluation.comparison import build_scorecard
from tasks.evaluation.generation import generate_answers
from tasks.evaluation.likelihood import score_held_out
from tasks.models.hardware import device_and_precision
from tasks.models.respondents import answered_by
from tasks.models.serving.server import Serving
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import ANSWERS, LIKELIHOOD, SCORECARD, Work

HELD_OUT_RECORDS = 100
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Evaluated:
    """A model to ask: the digest it goes by, and how to get its folder when it is needed."""

    digest: str
    folder: Callable[[], AbstractContextManager[Path]]


def answers_work(
    model: str, sets: Sequence[EvalSet], seed: int, serving: Serving | None = None
) -> Work:
    """Return the work of answering: `model` is its digest."""
    inputs = {"model": model, **{f"eval set {s.name}": s.digest for s in sets}}
    return ANSWERS.of(inputs, {"seed": seed, **answered_by(serving)})


@task(name="ask a model", cache_policy=NO_CACHE)
def answers_step(
    outputs: Outputs,
    model: Evaluated,
    sets: Sequence[EvalSet],
    *,
    seed: int,
    serving: Serving | None = None,
    progress: Progress,
) -> Built:
    """Let a model answer every case of the eval sets, or find its answers."""
    device, dtype = device_and_precision()

    def make(folder: Path) -> dict[str, int]:
        with model.folder() as weights:
            return generate_answers(
                weights,
                sets,
                folder,
                seed=seed,
                device=device,
                dtype=dtype,
                serving=serving,
                name=model.digest,
                progress=progress,
            )

    return outputs.build(answers_work(model.digest, sets, seed, serving), make)


@task(name="score held-out records", cache_policy=NO_CACHE)
def likelihood_step(
    outputs: Outputs, model: Evaluated, snapshot: Reference, *, progress: Progress
) -> Built:
    """Measure how likely a model finds the snapshot's test split, or find the figures."""
    device, dtype = device_and_precision()
    inputs = {"model": model.digest, "snapshot": snapshot.digest}
    parameters = {"device": device, "dtype": dtype, "max_records": HELD_OUT_RECORDS}

    def make(folder: Path) -> dict[str, int]:
        with model.folder() as weights:
            return score_held_out(
                weights,
                read_records(outputs.fetch(snapshot), "test"),
                folder,
                max_records=HELD_OUT_RECORDS,
                device=device,
                dtype=dtype,
                progress=progress,
            )

    return outputs.build(LIKELIHOOD.of(inputs, parameters), make)


@task(name="scorecard", cache_policy=NO_CACHE)
def scorecard_step(
    outputs: Outputs,
    answers: Mapping[Role, Reference],
    likelihoods: Mapping[Role, Reference],
    models: Mapping[Role, str],
    sets: Sequence[EvalSet],
    *,
    seed: int,
) -> Built:
    """Score the answers and compare the models, or find the scorecard."""
    inputs: dict[str, str] = {}
    for role, digest in models.items():
        inputs[f"{role} model"] = digest
        inputs[f"{role} answers"] = answers[role].digest
        inputs[f"{role} likelihood"] = likelihoods[role].digest
    parameters: dict[str, Any] = {"seed": seed, "eval_sets": {s.name: s.digest for s in sets}}

    def make(folder: Path) -> dict[str, int]:
        scorecard = build_scorecard(
            {role: outputs.fetch(reference) for role, reference in answers.items()},
            {role: outputs.fetch(reference) for role, reference in likelihoods.items()},
            sets,
            models,
            folder,
            seed=seed,
        )
        return {"metrics": len(scorecard.metrics)}

    return outputs.build(SCORECARD.of(inputs, parameters), make)
