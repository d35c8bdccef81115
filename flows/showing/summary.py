"""What a retraining says at its end, in the terminal, in Prefect and in `paddock show`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel

from data_contracts.records import Frozen
from flows.asking.parameters import RetrainParameters
from model_registry.approvals import Request
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.scorecard import MetricResult, Role
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
    context_only: int = 0
    steps: int
    first_loss: float
    final_loss: float
    validation_loss: float | None
    seconds: float | None = None  # None in summaries, and of models, from before these were kept
    cost: float | None = None
    training_notes: tuple[str, ...] = ()
    metrics: list[MetricResult]
    notes: tuple[str, ...] = ()  # what the figures do not tell
    candidate: str
    version: int
    candidate_digest: str
    model_digest: str
    compared_with: str
    passed: bool
    gates: list[GateLine]
    waits_for: list[str]
    look_at: dict[str, str]


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
) -> RetrainSummary:
    """Collect the summary from what the stages returned."""
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
        context_only=report.context_only,
        steps=training["steps"],
        first_loss=training["first_loss"],
        final_loss=training["final_loss"],
        validation_loss=training["validation_loss"],
        seconds=spent.seconds,
        cost=spent.cost,
        training_notes=tuple(training.get("notes", ())),
        metrics=[evidence.scorecard.metrics[key] for key in sorted(evidence.scorecard.metrics)],
        notes=evidence.scorecard.notes,
        candidate=candidate.name,
        version=candidate.version,
        candidate_digest=candidate.digest,
        model_digest=evidence.references["model"],
        compared_with=verdict.reference,
        passed=verdict.passed,
        gates=[GateLine(gate=r.gate.id, passed=r.passed, reason=r.reason) for r in verdict.gates],
        waits_for=_waiting(parameters.name, dossier, review, asked),
        look_at=_places(workshop, review, asked),
    )


def _waiting(name: str, dossier: Dossier, review: Review, asked: Request | None) -> list[str]:
    waits: list[str] = []
    if review.waiting:
        waits.append(f"{review.waiting} answers wait for reviewers (queue '{review.queue.name}')")
    if asked is None:
        waits.append("nobody is asked to promote it: a gate refused")
    elif dossier.champion and dossier.champion.digest == dossier.digest:
        waits.append("nothing: it is the champion already")
    elif asked.decision.state == "declined":
        waits.append(f"nothing: version {dossier.version} was declined ({asked.decision.reason})")
    elif asked.decision.state == "approved":
        waits.append(
            f"version {dossier.version} is approved: `paddock promote --name {name}` lets it serve"
        )
    else:
        waits.append(
            f"promotion of version {dossier.version} waits for one approver in the queue "
            f"'Promotions (release)', until {dossier.expires}; then `paddock promote --name {name}`"
        )
    return waits


def _places(workshop: Workshop, review: Review, asked: Request | None) -> dict[str, str]:
    settings = workshop.settings
    server = settings.mlflow_uri or f"http://{settings.server_host}:{settings.mlflow_port}"
    prefect = f"http://{settings.server_host}:{settings.prefect_port}"
    start = "" if settings.mlflow_uri else "`make up`, then "
    places = {
        "runs": f"{start}{prefect}/runs",
        "review": f"{start}{review.queue.page(server)}",
    }
    if asked is not None:
        places["approve"] = f"{start}{asked.page(server)}"
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


def render(summary: RetrainSummary) -> str:
    """Return the summary as text, at most about 100 columns wide."""
    made = [entry.title for entry in summary.stages if not entry.reused]
    found = [entry.title for entry in summary.stages if entry.reused]
    lines = [
        f"{summary.candidate} version {summary.version}: "
        f"{'PASSED its gates' if summary.passed else 'REFUSED by its gates'}",
        "",
        f"Stages     {len(made)} run ({', '.join(made) or 'none'})",
        f"           {len(found)} found finished and skipped",
        "Rows       " + ", ".join(f"{n} {what}" for what, n in summary.rows.items()),
        "Redacted   " + (_counts(summary.redacted) or "nothing"),
    ]
    if summary.quarantined:
        lines.append("Quarantine " + _counts(summary.quarantined))
    if summary.unread:
        unread = ", ".join(f"{name} ({count} rows)" for name, count in summary.unread.items())
        lines.append(f"Not read   {unread}")
    if summary.context_only:
        lines.append(f"           {summary.context_only} answers are context only, not learned")
    if not summary.parameters.names:
        lines.append("           NAMES, PLACES AND ORGANIZATIONS WERE NOT REDACTED (names off)")
    validation = summary.validation_loss
    held = f", {validation:.3f} on validation" if validation is not None else ""
    spent = Spent(seconds=summary.seconds, cost=summary.cost).words()
    lines += [
        f"Training   {summary.steps} steps, loss {summary.first_loss:.3f} to "
        f"{summary.final_loss:.3f}{held}",
        *([f"           {spent}"] if spent else []),
        *[line for note in summary.training_notes for line in _wrapped(note)],
        "",
        *_score_lines(summary.metrics),
        *[f"  {note}" for note in summary.notes],
        "",
        f"Gates (compared with the {summary.compared_with}"
        + ("; there is no champion yet)" if summary.compared_with == "base" else ")"),
        *[f"  {'pass' if g.passed else 'FAIL'}  {g.gate}: {g.reason}" for g in summary.gates],
        "",
        "Waiting",
        *[f"  {line}" for line in summary.waits_for],
        "",
        "Look at",
        *[f"  {what:8s} {place}" for what, place in summary.look_at.items()],
        f"  digest   {summary.candidate_digest}",
    ]
    return "\n".join(lines)


def _score_lines(metrics: Sequence[MetricResult]) -> list[str]:
    roles: list[Role] = [role for role in get_args(Role) if role in metrics[0].scores]
    lines = [f"{'Scores (95% intervals)':34s}" + "".join(f" {role:>23s}" for role in roles)]
    for metric in metrics:
        given = [metric.scores.get(role) for role in roles]
        cells = [one.shown(metric.unit) if one else "missing" for one in given]
        lines.append(f"  {metric.key:32s}" + "".join(f" {cell:>23s}" for cell in cells))
    return lines


def _wrapped(note: str) -> list[str]:
    return wrap(note, 100, initial_indent=" " * 11, subsequent_indent=" " * 13)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
