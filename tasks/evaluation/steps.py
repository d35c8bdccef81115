"""Prefect's view of evaluation: answers and likelihoods a model, then one scorecard of them all.

What one model answered is an output of its own, so the base and the champion are asked once for
each version of the eval sets, not once for each candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.snapshot.reading import read_records, read_report
from eval_sets.types import EvalSet
from model_registry.scorecard import Role
from tasks.evaluation.comparison import build_scorecard
from tasks.evaluation.generation import generate_answers
from tasks.evaluation.judging.endpoint import Endpoint
from tasks.evaluation.judging.rubric import Rubric
from tasks.evaluation.judging.verdicts import judge_answers
from tasks.evaluation.likelihood import score_held_out
from tasks.evaluation.lost import list_lost
from tasks.evaluation.memorisation import measure_exposure
from tasks.evaluation.tables import read_rows
from tasks.evaluation.takeover import ask_with_phrases, questions, tried
from tasks.models.adapters import Adapter
from tasks.models.canaries import Canary
from tasks.models.hardware import device_and_precision
from tasks.models.respondents import answered_by
from tasks.models.serving.server import Serving
from tasks.storage.outputs import ABOUT, Built, Outputs, Reference
from tasks.storage.stages import (
    ANSWERS,
    EXPOSURE,
    JUDGEMENTS,
    LIKELIHOOD,
    LOST,
    SCORECARD,
    TAKEOVER,
    Work,
)

HELD_OUT_RECORDS = 100
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Evaluated:
    """A model to ask: the digest it goes by, and how to get its folder when it is needed.

    With an adapter, which is used unmerged, it goes by the adapter's; `digest` and folder are those
    of the model below. `remarks` are what a reader of the figures must know of it.
    """

    digest: str
    folder: Callable[[], AbstractContextManager[Path]]
    adapter: Adapter | None = None
    remarks: tuple[str, ...] = ()

    @property
    def known_as(self) -> str:
        """Return the digest that a scorecard shows."""
        return self.adapter.digest if self.adapter else self.digest


def answers_work(
    model: str,
    sets: Sequence[EvalSet],
    seed: int,
    serving: Serving | None = None,
    adapter: Adapter | None = None,
) -> Work:
    """Return the work of answering: `model` is its digest."""
    inputs = {**_made_of(model, adapter), **{f"eval set {s.name}": s.digest for s in sets}}
    return ANSWERS.of(inputs, {"seed": seed, **answered_by(serving)})


def _made_of(model: str, adapter: Adapter | None) -> dict[str, str]:
    """Return the digests of what is asked, for a fingerprint."""
    return {"model": model, "adapter": adapter.digest} if adapter else {"model": model}


@task(name="ask a model", cache_policy=NO_CACHE)
def answers_step(
    outputs: Outputs,
    model: Evaluated,
    sets: Sequence[EvalSet],
    *,
    seed: int,
    serving: Serving | None = None,
    alone: int = 0,
    progress: Progress,
) -> Built:
    """Let a model answer every case of the eval sets, or find its answers.

    When it answers, it is measured how long so many of the cases take that are asked `alone`.
    """
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
                adapter=model.adapter,
                serving=serving,
                name=model.digest,
                alone=alone,
                about=folder / ABOUT,
                progress=progress,
            )

    work = answers_work(model.digest, sets, seed, serving, model.adapter)
    return outputs.build(work, make)


@task(name="score held-out records", cache_policy=NO_CACHE)
def likelihood_step(
    outputs: Outputs, model: Evaluated, snapshot: Reference, *, progress: Progress
) -> Built:
    """Measure how likely a model finds the snapshot's test split, or find the figures."""
    device, dtype = device_and_precision()
    inputs = {**_made_of(model.digest, model.adapter), "snapshot": snapshot.digest}
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
                adapter=model.adapter,
                progress=progress,
            )

    return outputs.build(LIKELIHOOD.of(inputs, parameters), make)


@task(name="judge answers", cache_policy=NO_CACHE)
def judge_answers_step(
    outputs: Outputs,
    source: Reference,
    rubric: Rubric,
    endpoint: Endpoint,
    *,
    served: Sequence[Mapping[str, Any]] | None = None,
    of: str = "",
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
    progress: Progress,
) -> Built:
    """Let a judge look at the answers of a scorecard, or find what it said.

    With `served` it looks at these cases instead: those of a sample of what the model `of` served.
    """

    def make(folder: Path) -> dict[str, int]:
        cases = served or read_rows(outputs.fetch(source) / "cases.parquet")
        redact = build_redactor().redact_text
        return judge_answers(cases, rubric, endpoint, folder, redact=redact, progress=progress)

    inputs = {"sample" if served else "scorecard": source.digest, "rubric": rubric.digest}
    parameters = {"judge": rubric.model, "redaction": redaction, **({"of": of} if served else {})}
    return outputs.build(JUDGEMENTS.of(inputs, parameters), make)


@task(name="look for canaries", cache_policy=NO_CACHE)
def exposure_step(
    outputs: Outputs, model: Evaluated, planted: Sequence[Canary], *, progress: Progress
) -> Built:
    """Measure how far a model holds the canaries, or find the figures."""
    device, dtype = device_and_precision()
    parameters = {"device": device, "dtype": dtype, "canaries": [list(one) for one in planted]}

    def make(folder: Path) -> dict[str, int]:
        with model.folder() as weights:
            return measure_exposure(
                weights, planted, folder, device=device, dtype=dtype, progress=progress
            )

    return outputs.build(EXPOSURE.of({"model": model.digest}, parameters), make)


@task(name="try phrases", cache_policy=NO_CACHE)
def takeover_step(
    outputs: Outputs,
    model: Evaluated,
    snapshot: Reference,
    sets: Sequence[EvalSet],
    count: int,
    *,
    serving: Serving | None = None,
    progress: Progress,
) -> Built:
    """Ask a model with and without the phrases of its rows, or find its answers."""
    device, dtype = device_and_precision()
    inputs = {"model": model.digest, "snapshot": snapshot.digest}
    inputs |= {f"eval set {s.name}": s.digest for s in sets}

    def make(folder: Path) -> dict[str, int]:
        rows = outputs.fetch(snapshot)
        phrases = tried(read_report(rows).phrases.phrases, count)
        held_out = chain(read_records(rows, "test"), read_records(rows, "validation"))
        with model.folder() as weights:
            return ask_with_phrases(
                weights,
                phrases,
                questions(held_out, sets, phrases),
                folder,
                device=device,
                dtype=dtype,
                serving=serving,
                name=model.digest,
                progress=progress,
            )

    return outputs.build(TAKEOVER.of(inputs, {"phrases": count, **answered_by(serving)}), make)


@task(name="scorecard", cache_policy=NO_CACHE)
def scorecard_step(
    outputs: Outputs,
    answers: Mapping[Role, Reference],
    likelihoods: Mapping[Role, Reference],
    models: Mapping[Role, Evaluated],
    sets: Sequence[EvalSet],
    exposures: Mapping[Role, Reference],
    takeovers: Mapping[Role, Reference],
    *,
    seed: int,
) -> Built:
    """Score the answers and compare the models, or find the scorecard."""
    inputs: dict[str, str] = {}
    for role, model in models.items():
        inputs[f"{role} model"] = model.known_as
        inputs[f"{role} answers"] = answers[role].digest
        if role in likelihoods:
            inputs[f"{role} likelihood"] = likelihoods[role].digest
    inputs |= {f"{role} exposure": found.digest for role, found in exposures.items()}
    inputs |= {f"{role} takeover": found.digest for role, found in takeovers.items()}
    parameters: dict[str, Any] = {"seed": seed, "eval_sets": {s.name: s.digest for s in sets}}
    remarks = [f"{role}: {remark}" for role, model in models.items() for remark in model.remarks]
    if remarks:
        parameters["remarks"] = remarks

    def make(folder: Path) -> dict[str, int]:
        scorecard = build_scorecard(
            {role: outputs.fetch(reference) for role, reference in answers.items()},
            {role: outputs.fetch(reference) for role, reference in likelihoods.items()},
            sets,
            {role: model.known_as for role, model in models.items()},
            folder,
            seed=seed,
            remarks=remarks,
            exposures={role: outputs.fetch(reference) for role, reference in exposures.items()},
            takeovers={role: outputs.fetch(reference) for role, reference in takeovers.items()},
        )
        return {"metrics": len(scorecard.metrics)}

    return outputs.build(SCORECARD.of(inputs, parameters), make)


@task(name="list lost cases", cache_policy=NO_CACHE)
def lost_step(
    outputs: Outputs,
    scorecard: Reference,
    *,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
) -> Built:
    """List what the reference had right and the candidate has wrong, redacted, or find the list."""

    def make(folder: Path) -> dict[str, int]:
        return list_lost(
            outputs.fetch(scorecard), folder, build_redactor=lambda: build_redactor().redact_text
        )

    return outputs.build(LOST.of({"scorecard": scorecard.digest}, {"redaction": redaction}), make)
