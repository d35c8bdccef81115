"""Asks people whether a candidate may be promoted, and reads what they decided.

Needs a candidate with a dossier. Writes the dossier as a trace of the experiment
`<name>-promotions` and attaches it to one review queue a seat. What is asked and answered is bound
to the dossier's digest: another dossier is another question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.dossier import Dossier, dossier_markdown
from model_registry.review_queues import (
    Answer,
    ItemState,
    Question,
    answer,
    attach,
    ensure_queue,
    find_queue,
    read_items,
)
from model_registry.review_traces import Item, shows, trace_id
from model_registry.tracking import Registry

STEP = "approval"
SEATS = ("release",)
State = Literal["pending", "approved", "declined"]
# The Review tab has no Decline button: its Submit completes an item whatever was answered. So a
# question carries the yes or no, and the item's `completed_by` says who it was.
PROMOTE = Question(
    name="Promote this candidate?",
    kind="yes_no",
    instruction="Submit with Promote to let it serve, with Do not promote to turn it down.",
    yes="Promote",
    no="Do not promote",
    comment=True,
)


class SeatDecision(Frozen):
    """What one seat decided; `person` and `at` (UTC, ISO 8601) are empty while it is pending."""

    seat: str
    state: State
    reason: str
    person: str = ""
    at: str = ""


class Decision(Frozen):
    """Approved if every seat approved, by as many people; declined if any seat declined."""

    state: State
    seats: tuple[SeatDecision, ...]
    reason: str


class Request(Frozen):
    """An item that waits for people: where it lies in MLflow's web pages."""

    experiment: str
    queues: dict[str, str]
    trace: str

    def page(self, server: str, seat: str = SEATS[0]) -> str:
        """Return the address of the item in the Review tab of a server."""
        return (
            f"{server.rstrip('/')}/#/experiments/{self.experiment}/review-queue"
            f"?selectedQueueId={self.queues[seat]}&selectedItemId={self.trace}"
        )


def request_approval(
    registry: Registry,
    name: str,
    dossier: Dossier,
    *,
    seats: Sequence[str] = SEATS,
    people: Mapping[str, Sequence[str]] | None = None,
) -> Request:
    """Put the dossier into every seat's queue; again is harmless. `people` sit in each seat.

    ContractError if the candidate did not pass its gates: there is nothing to decide.
    """
    if not dossier.verdict.passed:
        raise ContractError(
            "a candidate that its gates refused is not put before people",
            step=STEP,
            where=f"{dossier.candidate} version {dossier.version}",
            remedy="read the verdict, and train a better candidate",
        )
    experiment = _experiment(registry, name)
    item, queues = _item(dossier), dict[str, str]()
    for seat in seats:
        seated = (people or {}).get(seat, ())
        queues[seat] = ensure_queue(registry, experiment, _queue_name(seat), [PROMOTE], seated)
        attach(registry, experiment, queues[seat], [item])
    return Request(experiment=experiment, queues=queues, trace=trace_id(experiment, item.key))


def read_decision(
    registry: Registry, name: str, dossier: Dossier, *, seats: Sequence[str] = SEATS
) -> Decision:
    """Return what people decided on exactly this dossier.

    IntegrityError if what the Review tab shows is not what the dossier says.
    """
    experiment = _experiment(registry, name)
    found = tuple(_read_seat(registry, experiment, dossier, seat) for seat in seats)
    for state in ("declined", "pending"):
        if reasons := [f"{entry.seat}: {entry.reason}" for entry in found if entry.state == state]:
            return Decision(state=state, seats=found, reason="; ".join(reasons))
    people = {entry.person.casefold() for entry in found}
    if len(people) < len(found):
        return Decision(state="pending", seats=found, reason="the seats need different people")
    return Decision(state="approved", seats=found, reason="every seat approved")


def record_decision(
    registry: Registry,
    name: str,
    dossier: Dossier,
    *,
    approve: bool,
    person: str,
    reason: str = "",
    seat: str = SEATS[0],
) -> None:
    """Decide without the web page, as the same person would in it.

    On a server with logins the decision is that of the login, whatever `person` says.
    """
    experiment = _experiment(registry, name)
    queue = find_queue(registry, experiment, _queue_name(seat))
    trace = trace_id(experiment, _item(dossier).key)
    if queue is None or trace not in {s.trace for s in read_items(registry, queue, answers=False)}:
        raise ContractError(
            "nothing was asked about this dossier",
            step=STEP,
            where=f"{dossier.candidate} version {dossier.version}",
            remedy="put the candidate through evaluation and gates first",
        )
    said = Answer(question=PROMOTE.name, value=approve, person=person, rationale=reason)
    answer(registry, queue, trace, [said], "complete" if approve else "declined")


def _experiment(registry: Registry, name: str) -> str:
    return registry.experiment(f"{name}-promotions", reviewable=True)


def _queue_name(seat: str) -> str:
    return f"Promotions ({seat})"


def _item(dossier: Dossier) -> Item:
    subject = f"{dossier.candidate} version {dossier.version}"
    passed = sum(result.passed for result in dossier.verdict.gates)
    reference = dossier.champion
    compared = f"champion version {reference.version}" if reference else "the base model"
    return Item(
        key=f"dossier {dossier.identity}",
        title=f"Promote {subject}?",
        request=f"May {subject} serve as champion? It passed {passed} of"
        f" {len(dossier.verdict.gates)} gates against {compared}."
        f" Expires {dossier.expires}. Dossier {dossier.identity[:16]}.",
        response=dossier_markdown(dossier),
        summary=_summary(dossier),
        facts={"dossier": dossier.identity, "candidate": subject},
    )


def _summary(dossier: Dossier) -> str:
    rows = [
        f"- {result.gate.id}: {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
        for result in dossier.verdict.gates
        if (figure := result.figure) and None not in (figure.value, figure.low, figure.high)
    ]
    rated = dossier.human_review or {"human review": "none yet"}
    rows += [f"- {key}: {value}" for key, value in rated.items()]
    return "\n".join([*rows, "", "Gates, reasons and digests: **View full trace**."])


def _read_seat(registry: Registry, experiment: str, dossier: Dossier, seat: str) -> SeatDecision:
    item = _item(dossier)
    trace = trace_id(experiment, item.key)
    queue = find_queue(registry, experiment, _queue_name(seat))
    states = read_items(registry, queue, answers=False) if queue else []
    if queue is None or trace not in {state.trace for state in states}:
        return SeatDecision(seat=seat, state="pending", reason="nothing was asked yet")
    if not shows(registry, experiment, item):
        raise IntegrityError(
            "what people were shown is not what the dossier says",
            step=STEP,
            where=f"{dossier.candidate} version {dossier.version}",
            remedy="judge the candidate again, and ask who changed the trace",
        )
    state = next(entry for entry in read_items(registry, queue) if entry.trace == trace)
    decided, reason = _decided(state)
    return SeatDecision(seat=seat, state=decided, reason=reason, person=state.person, at=state.at)


def _decided(item: ItemState) -> tuple[State, str]:
    """Complete counts as yes only with the completer's own yes and nobody's no."""
    if item.status == "declined":
        return "declined", "declined"
    if item.status == "pending":
        return "pending", "it waits for a person"
    said = [entry for entry in item.answers if entry.question == PROMOTE.name]
    if any(entry.value is not True for entry in said):
        return "declined", f"answered with {PROMOTE.no}"
    if not any(entry.person.casefold() == item.person.casefold() for entry in said):
        return "pending", "completed without an answer: move it back to To do and answer it"
    return "approved", f"answered with {PROMOTE.yes}"
