"""What is recorded of a model that was named: parameters, training, scores, gates. No model is run.

It is read from the outputs in the store, the candidate's signed dossier in MLflow and, where an
output was cleaned away, the summary of the run. Writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from data_contracts.errors import ContractError, InputError
from data_contracts.records import Frozen
from flows.showing.summary import RetrainSummary
from flows.workshop.parts import Workshop
from model_registry.candidates import Candidate, find_candidate
from model_registry.dossier import VERDICT_TAG, read_dossier
from model_registry.fetching import resolve
from model_registry.ledger.rows import ADDRESS
from model_registry.scorecard import MetricResult, Scorecard, read_scorecard
from tasks.finetuning.reproduce import NAMES as REPRODUCTION
from tasks.storage.outputs import ABOUT, Manifest, Reference
from tasks.storage.stages import MODEL, SCORECARD

STEP = "compare"
_CANDIDATE = re.compile(r"(?:([a-z0-9][a-z0-9_.-]{0,62})/)?([1-9]\d{0,6})")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_TRAINING = ("steps", "first_loss", "final_loss", "validation_loss", "tokens")
_TRAINED_ROWS = ("rows", "rows_cut", "trainable_parameters", "precision", "device")


class Recorded(Frozen):
    """What is known of one model; figures are the candidate's of its scorecard.

    `made` are parameters and what they resolved to, `eval_sets` the version and digest of each set
    that was asked, `gates` each gate's verdict with its reason.
    """

    title: str
    about: dict[str, str]
    made: dict[str, Any]
    training: dict[str, float | str | None]
    metrics: dict[str, MetricResult]
    eval_sets: dict[str, str]
    gates: dict[str, str]


def recorded(workshop: Workshop, name: str, given: str) -> Recorded:
    """Return what is recorded of `VERSION`, `NAME/VERSION` (candidates), `NAME@champion` or digest.

    InputError if it names nothing; ContractError if nothing is recorded of it any more.
    """
    if re.fullmatch(ADDRESS, given) and "@" in given:
        row, serves = resolve(workshop.registry, given)
        if serves.candidate is None:
            raise ContractError(
                "nobody recorded from which candidate it was released",
                step=STEP,
                where=given,
                remedy="name the candidate itself: NAME/VERSION",
            )
        candidate = find_candidate(workshop.registry, row.name, serves.candidate)
        return _of_candidate(workshop, candidate, given)
    if found := _CANDIDATE.fullmatch(given):
        candidate = find_candidate(workshop.registry, found[1] or name, int(found[2]))
        return _of_candidate(workshop, candidate, f"{candidate.model}/{candidate.version}")
    if _DIGEST.fullmatch(given):
        return _of_model(workshop, _beginning(workshop, given))
    raise InputError(
        "this names no model",
        step=STEP,
        where=given,
        remedy="write a candidate's VERSION or NAME/VERSION, NAME@champion, NAME@previous, or at "
        "least 8 digits of a trained model's digest",
    )


def _of_candidate(workshop: Workshop, candidate: Candidate, title: str) -> Recorded:
    model = workshop.outputs.with_digest(MODEL, candidate.references.get("model", ""))
    summary = next(_summaries(workshop, candidate), None)
    gates: dict[str, str] = {}
    scorecard = None
    if VERDICT_TAG in candidate.tags:
        dossier = read_dossier(workshop.registry, candidate, workshop.keys)
        gates = {
            result.gate.id: f"{result.verdict}: {result.reason}" for result in dossier.verdict.gates
        }
        scorecard = workshop.outputs.with_digest(SCORECARD, dossier.scorecard_digest)
    if model is None and summary is None:
        raise ContractError(
            "its training is not in the store any more, and no run's summary tells of it",
            step=STEP,
            where=title,
            remedy="restore the store from a backup, or run it again with its parameters",
        )
    told = _of_model(workshop, model, scorecard) if model else _of_summary(summary)
    about = {"candidate": f"{candidate.name} version {candidate.version}", **told.about}
    if not told.metrics and summary:
        told = told.model_copy(update={"metrics": {one.key: one for one in summary.metrics}})
    return told.model_copy(update={"title": title, "about": about, "gates": gates})


def _of_model(workshop: Workshop, model: Reference, scorecard: Reference | None = None) -> Recorded:
    outputs, about = workshop.outputs, f"{ABOUT}/{REPRODUCTION[0]}"
    manifest = outputs.manifest(model)
    files = [name for name in ("training.json", about) if name in manifest.files]
    folder = outputs.fetch(model, *files)
    training = json.loads((folder / "training.json").read_bytes())
    made = json.loads((folder / about).read_bytes()) if about in files else {}
    card = _scorecard(workshop, scorecard or _newest(workshop, model.digest))
    return Recorded(
        title=model.digest[:16],
        about={
            "model": model.digest[:16],
            "trained": manifest.created_at,
            "base": made.get("base", {}).get("name", manifest.inputs.get("base", "")[:16]),
            "snapshot": made.get("snapshot", {}).get("digest", manifest.inputs.get("snapshot", ""))[
                :16
            ],
        },
        made={**training["recipe"], **made.get("parameters", {})},
        training=_training(training, made.get("seconds")),
        metrics=dict(card.metrics) if card else {},
        eval_sets=_sets(card) if card else {},
        gates={},
    )


def _of_summary(summary: RetrainSummary | None) -> Recorded:
    """Return what the summary of a run kept of a model whose output is gone."""
    if summary is None:
        raise ValueError("there is no summary")
    return Recorded(
        title="",
        about={"model": summary.model_digest[:16], "trained": summary.finished_at},
        made=summary.parameters.model_dump(mode="json"),
        training=_training(summary.model_dump(), summary.seconds),
        metrics={one.key: one for one in summary.metrics},
        eval_sets={},
        gates={},
    )


def _training(told: Mapping[str, Any], seconds: float | None) -> dict[str, float | str | None]:
    # Summaries of a run have some of these figures, and a table of rows under one name.
    given = {name: told.get(name) for name in (*_TRAINING, *_TRAINED_ROWS)}
    found = {name: None if isinstance(value, dict) else value for name, value in given.items()}
    tokens = told.get("tokens")
    speed = tokens / seconds if tokens and seconds else None
    return {**found, "seconds": seconds, "tokens_per_second": speed}


def _sets(card: Scorecard) -> dict[str, str]:
    return {name: f"{used.version} {used.digest[:12]}" for name, used in card.eval_sets.items()}


def _scorecard(workshop: Workshop, reference: Reference | None) -> Scorecard | None:
    if reference is None:
        return None
    file = "scorecard.json"
    return read_scorecard(workshop.outputs.fetch(reference, file) / file)


def _newest(workshop: Workshop, digest: str) -> Reference | None:
    """Return the newest scorecard in which a trained model was the candidate."""
    every = workshop.outputs.every(SCORECARD)
    found = [(made.created_at, one.key, one) for one, made in every if _asks(made, digest)]
    return max(found)[2] if found else None


def _asks(made: Manifest, digest: str) -> bool:
    return made.inputs.get("candidate model") == digest


def _summaries(workshop: Workshop, candidate: Candidate) -> Iterator[RetrainSummary]:
    store = workshop.store
    for key in sorted(store.keys(f"runs/{candidate.model}"), reverse=True):
        content = json.loads(store.read(key))
        if content.get("candidate_digest") == candidate.digest:
            try:
                yield RetrainSummary.model_validate(content)
            except ValidationError:
                continue  # of an older form


def _beginning(workshop: Workshop, digits: str) -> Reference:
    every = (reference for reference, _ in workshop.outputs.every(MODEL))
    found = {one.digest: one for one in every if one.digest.startswith(digits)}
    if len(found) == 1:
        return next(iter(found.values()))
    many = f"the digests of {len(found)} trained models begin so"
    raise InputError(
        many if found else "no trained model's digest begins so",
        step=STEP,
        where=digits,
        remedy="`paddock finetune` and `paddock show` print them; they lie in "
        f"{workshop.store.uri}/{MODEL.name}",
    )
