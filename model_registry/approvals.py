"""Asks people whether a candidate may be promoted, and reads what they decided.

Needs a candidate with a dossier. Writes the dossier as a trace of the experiment
`<name>-promotions` and attaches it to one review queue a seat. What is asked and answered is bound
to the dossier's digest: another dossier is another question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.approval_answers import State, decided, no_of
from model_registry.approval_items import PROMOTE, item_of, subject
from model_registry.dossier import Dossier, EarlierNo
from model_registry.review_queues import (
    Answer,
    ItemState,
    answer,
    attach,
    ensure_queue,
    find_queue,
    read_items,
)
from model_registry.review_traces import shows, trace_id
from model_registry.tracking import Registry

STEP = "approval"
SEATS = ("release",)


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
    """An item that waits for people: where it lies in MLflow's web pages, and what they said."""

    experiment: str
    queues: dict[str, str]
    trace: str
    decision: Decision

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
            where=subject(dossier),
            remedy="read the verdict, and train a better candidate",
        )
    experiment = _experiment(registry, name)
    item, queues = item_of(dossier), dict[str, str]()
    for seat in seats:
        seated = (people or {}).get(seat, ())
        queues[seat] = ensure_queue(registry, experiment, _queue_name(seat), [PROMOTE], seated)
        attach(registry, experiment, queues[seat], [item])
    return Request(
        experiment=experiment,
        queues=queues,
        trace=trace_id(experiment, item.key),
        decision=read_decision(registry, name, dossier, seats=seats),
    )


def read_decision(
    registry: Registry, name: str, dossier: Dossier, *, seats: Sequence[str] = SEATS
) -> Decision:
    """Return what people decided on exactly this dossier.

    A no to an earlier dossier of the candidate stands as well, unless this one told people of it.
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


def read_noes(
    registry: Registry, name: str, candidate: str, *, seats: Sequence[str] = SEATS
) -> list[EarlierNo]:
    """Return every no that stands on any dossier of a candidate (`NAME-candidate version N`)."""
    experiment = _experiment(registry, name)
    found: dict[str, EarlierNo] = {}
    for seat in seats:
        queue = find_queue(registry, experiment, _queue_name(seat))
        for item in read_items(registry, queue) if queue else []:
            if item.facts.get("candidate") == candidate and decided(item)[0] == "declined":
                no = no_of(item)
                found[no.dossier] = no
    return sorted(found.values(), key=lambda no: (no.at, no.dossier))


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
    """Decide without the web page, as the same person would in it; the first decision is final.

    On a server with logins the decision is that of the login, whatever `person` says.
    ContractError if nothing was asked, if a decision stands, or if this one does not count.
    """
    experiment = _experiment(registry, name)
    queue = find_queue(registry, experiment, _queue_name(seat))
    trace = trace_id(experiment, item_of(dossier).key)
    if queue is None or trace not in {s.trace for s in read_items(registry, queue, answers=False)}:
        raise ContractError(
            "nothing was asked about this dossier",
            step=STEP,
            where=subject(dossier),
            remedy="put the candidate through evaluation and gates first",
        )
    _refuse_second(dossier, _read_seat(registry, experiment, dossier, seat))
    said = Answer(question=PROMOTE.name, value=approve, person=person, rationale=reason)
    answer(registry, queue, trace, [said], "complete" if approve else "declined")
    now = _read_seat(registry, experiment, dossier, seat)
    if now.state != ("approved" if approve else "declined"):
        raise ContractError(
            f"the answer was recorded, and it does not count: {now.reason}",
            step=STEP,
            where=subject(dossier),
            remedy="decide under the name you are logged in with, once nobody's no stands",
        )


def _refuse_second(dossier: Dossier, seat: SeatDecision) -> None:
    if seat.state != "pending":
        raise ContractError(
            f"it is {seat.state} already: {seat.reason}",
            step=STEP,
            where=subject(dossier),
            remedy="nothing was changed; who decided may move its item in the Review tab back to "
            "To do, and decide again",
        )


def _experiment(registry: Registry, name: str) -> str:
    return registry.experiment(f"{name}-promotions", reviewable=True)


def _queue_name(seat: str) -> str:
    return f"Promotions ({seat})"


def _read_seat(registry: Registry, experiment: str, dossier: Dossier, seat: str) -> SeatDecision:
    item = item_of(dossier)
    trace = trace_id(experiment, item.key)
    queue = find_queue(registry, experiment, _queue_name(seat))
    states = {entry.trace: entry for entry in read_items(registry, queue)} if queue else {}
    if trace not in states:
        return SeatDecision(seat=seat, state="pending", reason="nothing was asked yet")
    if not shows(registry, experiment, item):
        raise IntegrityError(
            "what people were shown is not what the dossier says",
            step=STEP,
            where=subject(dossier),
            remedy="judge the candidate again, and ask who changed the trace",
        )
    state = states[trace]
    answered, reason = decided(state)
    if unheard := _unheard(dossier, states):
        answered, reason = "declined", f"no to an earlier dossier of it, {unheard}"
    return SeatDecision(seat=seat, state=answered, reason=reason, person=state.person, at=state.at)


def _unheard(dossier: Dossier, states: Mapping[str, ItemState]) -> str:
    """Return the first no to another dossier of the candidate that this one does not state."""
    told = {no.dossier for no in dossier.declined_before} | {dossier.identity}
    for state in states.values():
        about = state.facts
        if about.get("candidate") == subject(dossier) and about.get("dossier") not in told:
            answered, reason = decided(state)
            if answered == "declined":
                return reason
    return ""
