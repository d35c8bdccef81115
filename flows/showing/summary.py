"""What a retraining keeps of itself at its end: for the terminal, for Prefect and `paddock show`.

Needs what the stages returned. Writes the summary into the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel

from data_contracts.records import Frozen
from flows.asking.parameters import RetrainParameters
from flows.showing.leading_on import NextStep, next_step, places_of
from flows.showing.places import Pages, Place
from flows.showing.rated import rated_words
from model_registry.accounts.seats import seat_queue
from model_registry.approvals import Request
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.scorecard import MetricResult, Role
from model_registry.versions import Version
from tasks.evaluation.latency import Latency, wait_lines
from tasks.finetuning.reproduce import Spent
from tasks.release.assembly import Evidence
from tasks.storage.objects import ObjectStore

if TYPE_CHECKING:
    from flows.workshop.parts import Workshop
    from tasks.human_review.steps import Review


class StageRecord(Frozen):
    """A stage of a run, and whether its output was found."""

    title: str
    reused: bool


class GateLine(Frozen):
    """A gate's verdict."""

    gate: str
    passed: bool
    reason: str
    state: str = ""  # empty in summaries of before there were three


class RetrainSummary(BaseModel):
    """Everything the closing summary shows."""

    name: str
    finished_at: str
    parameters: RetrainParameters
    stages: list[StageRecord]
    rows: dict[str, int]
    quarantined: dict[str, int]
    redacted: dict[str, int]
    unread: dict[str, int] = {}
    names_unread: dict[str, int] = {}
    context_only: int = 0
    steps: int
    first_loss: float
    final_loss: float
    validation_loss: float | None
    seconds: float | None = None  # None in summaries, and of models, from before these were kept
    cost: float | None = None
    tokens: int | None = None
    training_notes: tuple[str, ...] = ()
    metrics: list[MetricResult]
    notes: tuple[str, ...] = ()  # what the figures do not tell
    waits: tuple[str, ...] = ()  # how long a user waited, measured when the answers were made
    candidate: str
    version: int
    candidate_digest: str
    model_digest: str
    compared_with: str
    champion: int | None = None  # what served then; None in summaries from before it was kept
    passed: bool
    gates: list[GateLine]
    waits_for: list[str]
    look_at: dict[str, str]
    # Empty in summaries from before these were kept:
    people: str = ""  # what people said of its answers
    serves: int | None = None  # the version of the model that serves when the run ends
    is_champion: bool = False  # it holds the bytes of this candidate
    places: tuple[Place, ...] = ()
    how_to_open: str = ""  # what a person does before a place can be opened; empty: nothing
    next_step: NextStep | None = None

    @property
    def nothing_new(self) -> bool:
        """Tell whether every stage was found finished."""
        return all(entry.reused for entry in self.stages)


def summarize(
    workshop: Workshop,
    parameters: RetrainParameters,
    evidence: Evidence,
    spent: Spent,
    candidate: Candidate,
    dossier: Dossier,
    review: Review,
    asked: Request | None,
    stages: Sequence[StageRecord],
    waits: Mapping[Role, Latency],
    trained: str,
    serving: Version | None,
) -> RetrainSummary:
    """Collect the summary from what the stages returned.

    `trained` is the fingerprint of the training, `serving` what serves now, after all of it.
    """
    report, training, verdict = evidence.snapshot, evidence.training, dossier.verdict
    return RetrainSummary(
        name=parameters.name,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        parameters=parameters,
        stages=list(stages),
        rows={
            "in": report.rows_in,
            "kept": report.kept,
            "quarantined": report.quarantined_rows,
            "duplicates": report.duplicates,
            "near-duplicates": report.near_duplicates,
            "evaluation leaks": report.contaminated,
            "dropped by policy": report.dropped_by_policy,
            "forgotten": report.forgotten,
        },
        quarantined=report.quarantined,
        redacted=report.redacted,
        unread=report.unread,
        names_unread=report.names_unread,
        context_only=report.context_only,
        steps=training["steps"],
        first_loss=training["first_loss"],
        final_loss=training["final_loss"],
        validation_loss=training["validation_loss"],
        seconds=spent.seconds,
        cost=spent.cost,
        tokens=training.get("tokens"),
        training_notes=tuple(training.get("notes", ())),
        metrics=[evidence.scorecard.metrics[key] for key in sorted(evidence.scorecard.metrics)],
        notes=tuple(filter(None, (report.phrases.warning, *evidence.scorecard.notes))),
        waits=wait_lines(waits),
        candidate=candidate.name,
        version=candidate.version,
        candidate_digest=candidate.digest,
        model_digest=evidence.references["model"],
        compared_with=verdict.reference,
        champion=dossier.champion.version if dossier.champion else None,
        passed=verdict.passed,
        gates=[
            GateLine(gate=r.gate.id, passed=r.passed, reason=r.reason, state=r.verdict)
            for r in verdict.gates
        ],
        waits_for=_waiting(parameters.name, dossier, review, asked, serving),
        look_at=_places(workshop, review, asked),
        people=rated_words(review.ratings),
        serves=serving.version if serving else None,
        is_champion=serving is not None and serving.digest == dossier.digest,
        places=places_of(workshop, evidence, trained, candidate, dossier, review, asked, serving),
        how_to_open=Pages(workshop.settings).how_to_open,
        next_step=next_step(parameters, dossier, asked, serving),
    )


def _waiting(
    name: str, dossier: Dossier, review: Review, asked: Request | None, serving: Version | None
) -> list[str]:
    waits: list[str] = []
    if waiting := review.ratings.waiting:
        waits.append(f"{waiting} answers wait for reviewers (queue '{review.queue.name}')")
    if serving and serving.digest == dossier.digest:
        waits.append(f"nothing: it serves already, as version {serving.version} of {name}")
    elif not dossier.verdict.passed:
        waits.append("nobody is asked to promote it: a gate refused")
    elif asked is None:
        waits.append("the promoter asks people about it (within seconds where `paddock up` runs)")
    elif asked.decision.state == "declined":
        waits.append(f"nothing: version {dossier.version} was declined ({asked.decision.reason})")
    elif asked.decision.state == "approved":
        waits.append(
            f"version {dossier.version} is approved: `paddock promote --name {name}` lets it serve"
        )
    else:
        open_ = [entry.seat for entry in asked.decision.seats if entry.state == "pending"]
        queues = " and in ".join(f"'{seat_queue(seat)}'" for seat in open_)
        waits.append(
            f"promotion of version {dossier.version} waits for one approver in the queue "
            f"{queues}, until {dossier.expires[:16].replace('T', ' ')} UTC; then "
            f"`paddock promote --name {name}`"
        )
    return waits


def _places(workshop: Workshop, review: Review, asked: Request | None) -> dict[str, str]:
    pages = Pages(workshop.settings)
    start = "" if pages.shared else "`make up`, then "
    places = {"runs": f"{start}{pages.prefect}/runs"} if pages.prefect else {}
    if pages.mlflow:
        places["review"] = f"{start}{review.queue.page(pages.mlflow)}"
        for seat in asked.queues if asked else ():
            what = "approve" if asked and len(asked.queues) == 1 else f"approve ({seat})"
            places[what] = f"{start}{asked.page(pages.mlflow, seat) if asked else ''}"
    places["files"] = workshop.store.uri
    return places


def save_summary(store: ObjectStore, summary: RetrainSummary) -> None:
    """Keep a summary for `paddock show`."""
    key = f"runs/{summary.name}/{summary.finished_at.replace(':', '')}.json"
    store.write(key, summary.model_dump_json(indent=1).encode())


def read_summaries(store: ObjectStore, name: str, newest: int = 5) -> list[RetrainSummary]:
    """Return the newest summaries, newest first."""
    keys = sorted(store.keys(f"runs/{name}"), reverse=True)[:newest]
    return [RetrainSummary.model_validate_json(store.read(key)) for key in keys]
