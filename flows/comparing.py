"""Asks models the same eval sets and scores them side by side: the part two flows share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from eval_sets.types import EvalSet
from flows.showing import publishing
from flows.showing.progress import stage
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_of
from model_registry.scorecard import Role
from model_registry.versions import Version
from tasks.evaluation.steps import Evaluated, answers_step, likelihood_step, scorecard_step
from tasks.storage.outputs import Built, Reference

Note = Callable[[str, Built], Reference]


def stored_model(workshop: Workshop, reference: Reference, part: str = "") -> Evaluated:
    """Return a model that is a stage's output, or lies in a folder of one."""

    @contextmanager
    def folder() -> Generator[Path]:
        yield workshop.outputs.fetch(reference) / part

    return Evaluated(digest=reference.digest, folder=folder)


def registered_model(workshop: Workshop, version: Version) -> Evaluated:
    """Return a registered version, verified whenever its files are needed."""

    @contextmanager
    def folder() -> Generator[Path]:
        with workshop.verified_files(version) as files:
            yield files / "model"

    return Evaluated(digest=candidate_of(version).references["model"], folder=folder)


def compare_models(
    workshop: Workshop,
    name: str,
    asked: Mapping[Role, Evaluated],
    snapshot: Reference,
    sets: Sequence[EvalSet],
    seed: int,
    note: Note,
    number: str = "",
) -> Reference:
    """Let every model answer, score them, and show the scorecard in Prefect and MLflow."""
    outputs = workshop.outputs
    answers: dict[Role, Reference] = {}
    likelihoods: dict[Role, Reference] = {}
    for role, model in asked.items():
        with stage(f"{number}evaluate the {role}") as progress:
            built = answers_step(
                outputs, model, sets, seed=seed, serving=workshop.serving, progress=progress
            )
            answers[role] = note(f"answers of the {role}", built)
            built = likelihood_step(outputs, model, snapshot, progress=progress)
            likelihoods[role] = note(f"perplexity of the {role}", built)
    built = scorecard_step(outputs, answers, likelihoods, asked, sets, seed=seed)
    scorecard = note("scorecard", built)
    folder = outputs.fetch(scorecard)
    publishing.publish_scorecard(folder)
    publishing.log_scorecard(workshop.registry, name, scorecard.digest, folder)
    return scorecard
