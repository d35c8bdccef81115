"""What a retraining's page leads on to: the pages it made, and the next thing to do.

Needs what the stages returned; writes nothing. What is to be done follows from what holds when the
run ends: whether the candidate serves, what its gates said and what people decided.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from data_contracts.records import Frozen
from flows.asking.command_words import command_words
from flows.asking.parameters import RetrainParameters
from flows.showing.places import (
    DOSSIER_FILE,
    REPORT_FILE,
    Pages,
    Place,
    given,
    newest_trainings,
    tagged_run,
)
from flows.showing.publishing import SCORECARD_TAG, SNAPSHOT_TAG
from model_registry.approvals import Request
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier, dossier_place
from model_registry.standing import read_standing
from model_registry.versions import Version
from tasks.finetuning.steps import FINGERPRINT
from tasks.release.assembly import Evidence

if TYPE_CHECKING:
    from flows.workshop.parts import Workshop
    from tasks.human_review.asking import ReviewQueue
    from tasks.human_review.steps import Review

SCORECARD_PAGE = "scorecard/scorecard.md"
REVIEW, APPROVAL, VERSION, DOSSIER = "review", "approval", "candidate-version", "dossier"


def served_places(workshop: Workshop, name: str) -> tuple[Place, ...]:
    """Return the pages of a model at large: what serves, its trainings, and what people decide."""
    pages, registry = Pages(workshop.settings), workshop.registry
    if not pages.mlflow:
        return ()
    promotions = registry.find_experiment(f"{name}-promotions")
    standing = read_standing(registry, name)  # an alias alone may have been moved by hand
    serving = None if standing.trouble else standing.champion
    found = given(
        [
            (
                "champion",
                f"What serves: version {serving.version} of {name}" if serving else "",
                pages.version(name, serving.version) if serving else "",
            ),
            (
                "approvals",
                "What waits for approvers",
                pages.queues(promotions) if promotions else "",
            ),
        ]
    )
    return (*found, *newest_trainings(registry, pages, name, FINGERPRINT))


def report_places(workshop: Workshop, name: str, scorecard: str) -> tuple[Place, ...]:
    """Return the report of a scorecard, by its digest."""
    pages = Pages(workshop.settings)
    url = tagged_run(workshop.registry, pages, name, SCORECARD_TAG, scorecard, SCORECARD_PAGE)
    return given([("evaluation-report", "Evaluation report", url)])


def training_places(workshop: Workshop, name: str, trained: str) -> tuple[Place, ...]:
    """Return the page of a training, by its fingerprint, and those that set it beside others."""
    pages, registry = Pages(workshop.settings), workshop.registry
    url = tagged_run(registry, pages, name, FINGERPRINT, trained)
    this = given([("training-run", "This training: settings, loss and scores", url)])
    return (*this, *newest_trainings(registry, pages, name, FINGERPRINT))


def rating_places(workshop: Workshop, queue: ReviewQueue | None) -> tuple[Place, ...]:
    """Return the queue in which answers are rated."""
    server = Pages(workshop.settings).mlflow
    page = queue.page(server) if queue and server else ""
    return given([(REVIEW, "Rate answers", page)])


class NextStep(Frozen):
    """What somebody does now: a sentence, the key of the place to click, and a command."""

    text: str
    place: str = ""
    command: str = ""


def places_of(
    workshop: Workshop,
    evidence: Evidence,
    trained: str,
    candidate: Candidate,
    dossier: Dossier,
    review: Review,
    asked: Request | None,
    serving: Version | None,
) -> tuple[Place, ...]:
    """Return the pages that a run made or changed, as far as there is a server to show them.

    `trained` is the fingerprint of the training.
    """
    pages, registry, name = Pages(workshop.settings), workshop.registry, evidence.name
    if not pages.mlflow:
        return ()
    kept = registry.find_experiment(f"{name}-candidates") or ""
    folder = f"{dossier_place(dossier)}/content"
    seats: list[tuple[str, str, str]] = []
    for seat in asked.queues if asked else ():
        page = asked.page(pages.mlflow, seat) if asked else ""
        seats.append((_seat_key(asked, seat), f"Approve or decline it ({seat})", page))
    serves = f"Version {serving.version} of {name}, which serves" if serving else ""
    snapshot = evidence.references["dataset"]
    made = [
        *seats,
        (REVIEW, "Rate answers", review.queue.page(pages.mlflow)),
        (
            VERSION,
            f"Version {candidate.version} of {candidate.name}",
            pages.version(candidate.name, candidate.version),
        ),
        (DOSSIER, "Dossier", pages.file(kept, candidate.run, f"{folder}/{DOSSIER_FILE}")),
    ]
    rest = [
        (
            "data-docs",
            "Data docs: rows, and what was wrong with them",
            tagged_run(registry, pages, name, SNAPSHOT_TAG, snapshot, f"snapshot/{REPORT_FILE}"),
        ),
        ("champion", serves, pages.version(name, serving.version) if serving else ""),
    ]
    return (
        *given(made),
        *training_places(workshop, name, trained),
        *report_places(workshop, name, dossier.scorecard_digest),
        *given(rest),
    )


def _seat_key(asked: Request | None, seat: str) -> str:
    return f"{APPROVAL}-{seat}" if asked and len(asked.queues) > 1 else APPROVAL


def next_step(
    parameters: RetrainParameters,
    dossier: Dossier,
    asked: Request | None,
    serving: Version | None,
) -> NextStep:
    """Return what somebody does now."""
    name, version = parameters.name, dossier.version
    if serving and serving.digest == dossier.digest:
        return NextStep(
            text=f"Nothing: it serves, as version {serving.version} of {name}.",
            place="champion",
            command=f"paddock show --name {name}",
        )
    if not dossier.verdict.passed:
        return NextStep(
            text="Read which gates refused it and why, change what they name, and run again.",
            place=DOSSIER,
            command=shlex.join(command_words("run", parameters)),
        )
    state = asked.decision.state if asked else ""
    if asked is None or state == "approved":
        text = (
            "It is approved: the deployment `promote` lets it serve when it looks next."
            if asked
            else "The promoter asks people about it: within seconds where `paddock up` runs."
        )
        return NextStep(text=text, place=VERSION, command=f"paddock promote --name {name}")
    if state == "declined":
        return NextStep(
            text=f"Nothing: it was declined ({asked.decision.reason}).",
            place=VERSION,
            command=f"paddock show --name {name}",
        )
    seat = next(entry.seat for entry in asked.decision.seats if entry.state == "pending")
    return NextStep(
        text="An approver decides: open the question, choose, and submit.",
        place=_seat_key(asked, seat),
        command=f"paddock decide --name {name} --version {version} --approve --person NAME",
    )
