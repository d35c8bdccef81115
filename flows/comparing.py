"""Asks models the same eval sets and scores them side by side: the part two flows share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from eval_sets.types import EvalSet
from flows.showing import publishing
from flows.showing.progress import stage
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from model_registry.candidates import candidate_of
from model_registry.lost_cases import LostCases, lost_markdown
from model_registry.scorecard import Role
from model_registry.versions import Version
from tasks.evaluation.latency import FILE, Latency, read_latency
from tasks.evaluation.lost import read_lost
from tasks.evaluation.scoring import ROLES
from tasks.evaluation.steps import (
    Evaluated,
    answers_step,
    exposure_step,
    likelihood_step,
    lost_step,
    scorecard_step,
    takeover_step,
)
from tasks.models.canaries import Canary
from tasks.storage.outputs import ABOUT, Built, Outputs, Reference
from tasks.storage.stages import ANSWERS

MEASURED = f"{ABOUT}/{FILE}"
Note = Callable[[str, Built], Reference]


class Compared(NamedTuple):
    """A scorecard, and what its candidate, if it has one, lost against the reference.

    `waits` is how long a user of each model waited on this machine, where that was measured.
    """

    scorecard: Reference
    lost: LostCases | None
    waits: dict[Role, Latency]


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


def waits_of(outputs: Outputs, scorecard: Reference) -> dict[Role, Latency]:
    """Return how long users of a scorecard's models waited, where that was measured."""
    inputs = outputs.manifest(scorecard).inputs
    found: dict[Role, Latency] = {}
    for role in ROLES:
        answers = outputs.with_digest(ANSWERS, inputs.get(f"{role} answers", ""))
        if answers and (waited := _wait(outputs, answers)):
            found[role] = waited
    return found


def _wait(outputs: Outputs, answers: Reference) -> Latency | None:
    return read_latency(outputs.fetch(answers, MEASURED) / MEASURED)


def compare_models(
    workshop: Workshop,
    name: str,
    asked: Mapping[Role, Evaluated],
    snapshot: Reference | None,
    sets: Sequence[EvalSet],
    seed: int,
    note: Note,
    *,
    redactor: RedactorRecipe,
    number: str = "",
    planted: Sequence[Canary] = (),
    phrases: int = 0,
) -> Compared:
    """Let every model answer, score them, and show the scorecard in Prefect and MLflow.

    Without a snapshot there are no held-out records to score. `redactor` goes over what is quoted
    of cases that a candidate lost. Of what was `planted` in the candidate's training it is measured
    how far candidate and base hold it. So many `phrases` of the rows are tried on the candidate.
    """
    outputs = workshop.outputs
    answers: dict[Role, Reference] = {}
    likelihoods: dict[Role, Reference] = {}
    waits: dict[Role, Latency] = {}
    for role, model in asked.items():
        ask = answers_step.with_options(task_run_name=f"ask the {role}")
        score = likelihood_step.with_options(task_run_name=f"score held-out records: {role}")
        with stage(f"{number}evaluate the {role}") as progress:
            built = ask(
                outputs,
                model,
                sets,
                seed=seed,
                serving=workshop.serving,
                alone=workshop.settings.latency_cases,
                progress=progress,
            )
            answers[role] = note(f"answers of the {role}", built)
            if waited := _wait(outputs, answers[role]):
                waits[role] = waited
            if snapshot is not None:
                built = score(outputs, model, snapshot, progress=progress)
                likelihoods[role] = note(f"perplexity of the {role}", built)
    exposures: dict[Role, Reference] = {}
    for role in ("base", "candidate") if planted else ():
        with stage(f"{number}look for what the {role} keeps by heart") as progress:
            built = exposure_step(outputs, asked[role], planted, progress=progress)
            exposures[role] = note(f"canaries in the {role}", built)
    takeovers: dict[Role, Reference] = {}
    if phrases and snapshot is not None and "candidate" in asked:
        with stage(f"{number}look for backdoors in the candidate") as progress:
            built = takeover_step(
                outputs,
                asked["candidate"],
                snapshot,
                sets,
                phrases,
                serving=workshop.serving,
                progress=progress,
            )
            takeovers["candidate"] = note("phrases tried on the candidate", built)
    built = scorecard_step(
        outputs, answers, likelihoods, asked, sets, exposures, takeovers, seed=seed
    )
    scorecard = note("scorecard", built)
    folder = outputs.fetch(scorecard)
    publishing.publish_scorecard(folder)
    publishing.log_scorecard(workshop.registry, name, scorecard.digest, folder)
    lost = _lost(outputs, scorecard, redactor, note) if "candidate" in asked else None
    return Compared(scorecard, lost, waits)


def _lost(
    outputs: Outputs, scorecard: Reference, redactor: RedactorRecipe, note: Note
) -> LostCases:
    built = lost_step(outputs, scorecard, redaction=redactor.identity(), build_redactor=redactor)
    lost = read_lost(outputs.fetch(note("lost cases", built)))
    publishing.publish_page(
        "lost-cases",
        lost_markdown(lost),
        "What the reference had right and the candidate has wrong",
    )
    return lost
