"""Both models of a router, what they answered, and the pairs that it learns from.

Needs the registry and the store. A model that was asked these sets before is not asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import ContractError, InputError
from eval_sets.types import Case, EvalSet
from flows.asking.parameters import RetrainParameters
from flows.asking.router_parameters import BuildRouterParameters
from flows.champion import Registered, candidate_behind
from flows.comparing import registered_model
from flows.compressing import serving_of, variant_digest
from flows.showing.progress import stage
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_of
from model_registry.fetching import resolve
from model_registry.scorecard import SHARE
from model_registry.versions import version_numbered
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.steps import Evaluated, answers_step, scorecard_step
from tasks.evaluation.tables import read_rows
from tasks.exporting.weights import QUANTIZED, Quantize
from tasks.models.serving.server import Serving
from tasks.routing.model import Side
from tasks.routing.pairs import STEP, Pair
from tasks.storage.outputs import Outputs, Reference

LARGE, SMALL = "champion", "candidate"  # their roles in the scorecard that compares them


@dataclass(frozen=True)
class Asked:
    """One of both: what a router says of it, how it is asked, and how its files are got."""

    side: Side
    model: Evaluated
    weights: Quantize | None  # fewer bits than it was released in; None: as released

    @property
    def folder(self) -> Callable[[], AbstractContextManager[Path]]:
        """Return how its folder is got, verified."""
        return self.model.folder


@dataclass(frozen=True)
class Sides:
    """Both, and the version whose parameters say how answers are asked."""

    made: Registered
    large: Asked
    small: Asked
    seed: int
    threads: int


class Comparison(NamedTuple):
    """A scorecard of both, and the answers it was made of."""

    scorecard: Reference
    small: Reference
    large: Reference


def sides_of(workshop: Workshop, parameters: BuildRouterParameters) -> Sides:
    """Return both models; ContractError, InputError where one is not there."""
    made = candidate_behind(workshop, parameters.name, parameters.version, STEP)
    candidate = candidate_of(made.version)
    side = Side(name=candidate.name, version=candidate.version, digest=candidate.digest)
    large = Asked(side, registered_model(workshop, made.version), None)
    weights: Quantize | None = next(iter(_ways(parameters.small)), None)
    if weights:
        small = Asked(side.model_copy(update={"weights": weights}), large.model, weights)
    else:
        small = _released(workshop, parameters.small)
    if small.side.digest == large.side.digest and not small.weights:
        raise InputError(
            "the small model is the large one",
            step=STEP,
            where=f"small {parameters.small}, name {parameters.name}",
            remedy="name another model, or a way to keep its weights in fewer bits, as q4_0",
        )
    return Sides(made, large, small, _seed(made), parameters.threads)


def _ways(given: str) -> tuple[Quantize, ...]:
    return tuple(one for one in QUANTIZED if one == given)


def _released(workshop: Workshop, address: str) -> Asked:
    """Return a version that serves or served, by the ledger."""
    row, serves = resolve(workshop.registry, address)
    version = version_numbered(workshop.registry, row.name, serves.version)
    if version is None or version.digest != serves.digest:
        raise ContractError(
            "the small model's version is not what the ledger released",
            step=STEP,
            where=address,
            remedy=f"`paddock reconcile --name {row.name}` says what is wrong",
        )
    side = Side(name=row.name, version=serves.version, digest=serves.digest)
    return Asked(side, registered_model(workshop, version), None)


def _seed(made: Registered) -> int:
    try:
        return made.parameters.seed
    except ContractError:  # nobody recorded it; then nothing was asked with it either
        return RetrainParameters().seed


def compared(workshop: Workshop, sides: Sides, sets: Sequence[EvalSet]) -> Comparison:
    """Ask both models, and score their answers side by side."""
    outputs = workshop.outputs
    large = _answers(workshop, sides, sides.large, sets, "the large model")
    small = _answers(workshop, sides, sides.small, sets, "the small model")
    model = sides.small.model
    if sides.small.weights:
        digest = variant_digest(model.digest, sides.small.weights)
        model = Evaluated(digest=digest, folder=model.folder)
    scorecard = scorecard_step(
        outputs,
        {LARGE: large, SMALL: small},
        {},
        {LARGE: sides.large.model, SMALL: model},
        sets,
        {},
        {},
        seed=sides.seed,
    ).reference
    return Comparison(scorecard, small, large)


def _answers(
    workshop: Workshop, sides: Sides, asked: Asked, sets: Sequence[EvalSet], called: str
) -> Reference:
    serving: Serving | None = workshop.serving
    if asked.weights:
        patience = workshop.settings.serve_start_seconds
        serving = serving_of(asked.weights, sides.threads, sets, patience)
    with stage(f"ask {called}") as progress:
        return answers_step.with_options(task_run_name=f"ask {called}")(
            workshop.outputs,
            asked.model,
            sets,
            seed=sides.seed,
            serving=serving,
            progress=progress,
        ).reference


def pairs_of(
    outputs: Outputs, comparison: Comparison, sets: Sequence[EvalSet]
) -> tuple[list[Pair], int]:
    """Return the cases that both answered, and how many have no figure that says how right."""
    rows = read_rows(outputs.fetch(comparison.scorecard) / "cases.parquet")
    tokens = {
        role: {
            (row["eval_set"], row["case_id"]): int(row["tokens"])
            for row in read_rows(outputs.fetch(answers) / "answers.parquet")
        }
        for role, answers in ((LARGE, comparison.large), (SMALL, comparison.small))
    }
    return pairs_from(rows, tokens, sets)


def pairs_from(
    rows: Sequence[Mapping[str, Any]],
    tokens: Mapping[str, Mapping[tuple[str, str], int]],
    sets: Sequence[EvalSet],
) -> tuple[list[Pair], int]:
    """Return pairs of a scorecard's cases (see comparison.py), and how many were left out."""
    scorers = {one.name: one.card.scorer for one in sets}
    cases = {(one.name, case.id): case for one in sets for case in one.cases}
    found: list[Pair] = []
    for row in rows:
        key = (str(row["eval_set"]), str(row["case_id"]))
        scorer = scorers[key[0]]
        small, large = (
            how_right(scorer, json.loads(row[f"scores_{role}"])) for role in (SMALL, LARGE)
        )
        if small is None or large is None:
            continue
        case = cases[key]
        found.append(
            Pair(
                id=key[1],
                asked=key[0],
                group=case.cluster,
                question=case.messages[-1].content,
                turns=_turns(case),
                small=small,
                large=large,
                small_tokens=tokens[SMALL][key],
                large_tokens=tokens[LARGE][key],
            )
        )
    return found, len(rows) - len(found)


def how_right(scorer: str, scores: Mapping[str, float | None]) -> float | None:
    """Return how right an answer is, from 0 to 1: by the figure that says so, else the first share.

    A figure of which less is better counts the other way round. None where no share applies.
    """
    metric = SCORERS[scorer]
    figures = sorted(metric.figures, key=lambda figure: figure.name != metric.right)
    for figure in figures:
        score = scores.get(figure.name)
        if figure.unit == SHARE and score is not None:
            return score if figure.higher_is_better else 1.0 - score
    return None


def _turns(case: Case) -> int:
    return sum(message.role == "user" for message in case.messages)
