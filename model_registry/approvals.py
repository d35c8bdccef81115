"""Asks people whether a candidate may be promoted, and reads what they decided.

Needs a candidate with a dossier. Writes the dossier as a trace of the experiment
`<name>-promotions` and attaches it to one review queue a seat. What is asked and answered is bound
to the dossier's digest: another dossier is another question. On a server with accounts only who may
write that experiment asks (the promoter), and a yes counts only from an approver of its seat who
did not register the candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data_contracts.errors import ContractError, InputError, IntegrityError
from data_contracts.records import Frozen
from model_registry.accounts.authors import author_of
from model_registry.accounts.roles import PROMOTIONS
from model_registry.accounts.seats import Seated, read_seated, seat_queue
from model_registry.approval_answers import State, ask_no_more, decided, no_of
from model_registry.approval_items import PROMOTE, item_of, items_of, question, subject
from model_registry.dossier import Dossier, EarlierNo
from model_registry.policy import SEATS as ONE_SEAT
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
SEATS: tuple[str, ...] = ()  # those that the dossier names


class SeatDecision(Frozen):
    """What one seat decided; `person` and `at` (UTC, ISO 8601) are empty while it is pending."""

    seat: str
    state: State
    reason: str
    person: str = ""
    at: str = ""


class Decision(Frozen):
    """Approved if every seat approved, by as many people; declined if any seat declined.

    `proven` says that a server with accounts vouches for who it was.
    """

    state: State
    seats: tuple[SeatDecision, ...]
    reason: str
    proven: bool = False


class Request(Frozen):
    """An item that waits for people: where it lies in MLflow's web pages, and what they said."""

    experiment: str
    queues: dict[str, str]
    trace: str
    decision: Decision

    def page(self, server: str, seat: str = "") -> str:
        """Return the address of the item in the Review tab of a server; of the first seat's."""
        queue = self.queues[seat or next(iter(self.queues))]
        return (
            f"{server.rstrip('/')}/#/experiments/{self.experiment}/review-queue"
            f"?selectedQueueId={queue}&selectedItemId={self.trace}"
        )


def request_approval(
    registry: Registry,
    name: str,
    dossier: Dossier,
    *,
    seats: Sequence[str] = SEATS,
    people: Mapping[str, Sequence[str]] | None = None,
) -> Request:
    """Put the dossier into every seat's queue; again is harmless.

    What waits there about earlier dossiers of the candidate, and nobody answered, is taken out.
    `people` sit in each seat: those that a server with accounts knows, unless others are named.
    ContractError if the candidate did not pass its gates: there is nothing to decide.
    """
    if not dossier.verdict.passed:
        raise ContractError(
            "a candidate that its gates refused is not put before people",
            step=STEP,
            where=subject(dossier),
            remedy="read the verdict, and train a better candidate",
        )
    seated = read_seated(registry, name)
    people = people or (seated.seats if seated else {})
    experiment = promotions(registry, name)
    item, queues = item_of(dossier), dict[str, str]()
    for seat in seats or dossier.seats:
        who = people.get(seat, ())
        if seated and not who:
            raise ContractError(
                f"nobody sits in the seat {seat}, which must decide",
                step=STEP,
                where=subject(dossier),
                remedy="seat somebody in the accounts file, and have an admin run "
                "`paddock accounts apply FILE`",
            )
        asked = [question(accounts=seated is not None)]
        queues[seat] = ensure_queue(registry, experiment, seat_queue(seat), asked, who)
        attach(registry, experiment, queues[seat], [item])
        ask_no_more(registry, dossier, queues[seat])
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
    found = tuple(read_seat(registry, name, dossier, seat) for seat in seats or dossier.seats)
    proven = bool(registry.account)
    for state in ("declined", "pending"):
        if reasons := [f"{entry.seat}: {entry.reason}" for entry in found if entry.state == state]:
            return Decision(state=state, seats=found, reason="; ".join(reasons), proven=proven)
    people = {entry.person.casefold() for entry in found}
    if len(people) < len(found):
        reason = "the seats need different people"
        return Decision(state="pending", seats=found, reason=reason, proven=proven)
    reason = "every seat approved"
    return Decision(state="approved", seats=found, reason=reason, proven=proven)


def read_noes(
    registry: Registry, name: str, candidate: str, *, seats: Sequence[str] = ONE_SEAT
) -> list[EarlierNo]:
    """Return every no that stands on any dossier of a candidate (`NAME-candidate version N`)."""
    experiment, accounts = promotions(registry, name), bool(registry.account)
    found: dict[str, EarlierNo] = {}
    for seat in seats:
        queue = find_queue(registry, experiment, seat_queue(seat))
        for item in read_items(registry, queue) if queue else []:
            if item.facts.get("candidate") != candidate:
                continue
            if decided(item, accounts=accounts)[0] == "declined":
                no = no_of(item, accounts=accounts)
                found[no.dossier] = no
    return sorted(found.values(), key=lambda no: (no.at, no.dossier))


def promotions(registry: Registry, name: str) -> str:
    """Return the id of the experiment in which people are asked about a model's candidates."""
    return registry.experiment(f"{name}{PROMOTIONS}", reviewable=True)


def read_seat(registry: Registry, name: str, dossier: Dossier, seat: str) -> SeatDecision:
    """Return what one seat decided on a dossier."""
    experiment, item = promotions(registry, name), item_of(dossier)
    trace = trace_id(experiment, item.key)
    queue = find_queue(registry, experiment, seat_queue(seat))
    states = {entry.trace: entry for entry in read_items(registry, queue)} if queue else {}
    if trace not in states:
        return SeatDecision(seat=seat, state="pending", reason="nothing was asked yet")
    if not any(shows(registry, experiment, shown) for shown in items_of(dossier)):
        raise IntegrityError(
            "what people were shown is not what the dossier says",
            step=STEP,
            where=subject(dossier),
            remedy="judge the candidate again, and ask who changed the trace",
        )
    state, accounts = states[trace], bool(registry.account)
    answered, reason = decided(state, accounts=accounts)
    if answered == "approved" and (void := why_void(registry, name, dossier, seat, state.person)):
        answered, reason = "pending", f"it does not count: {void}"
    if unheard := _unheard(dossier, states, accounts):
        answered, reason = "declined", f"no to an earlier dossier of it, {unheard}"
    return SeatDecision(seat=seat, state=answered, reason=reason, person=state.person, at=state.at)


def why_void(registry: Registry, name: str, dossier: Dossier, seat: str, person: str) -> str:
    """Return why somebody's yes cannot count in a seat, or nothing: no server knows, or it does."""
    seated = read_seated(registry, name)
    if seated is None:
        return ""
    author = author_of(registry, name, dossier.digest)
    if not author:
        return "nobody knows which account registered the candidate"
    if dossier.registered_by not in ("", author):
        return f"the dossier says {dossier.registered_by} registered it, and the server {author}"
    if person.casefold() == author.casefold():
        return f"{person} registered the candidate"
    if not _sits(seated, seat, person):
        return f"{person} is no approver of the seat {seat}"
    return ""


def record_decision(
    registry: Registry,
    name: str,
    dossier: Dossier,
    *,
    approve: bool,
    person: str,
    reason: str = "",
    seat: str = "",
) -> None:
    """Decide without the web page, as the same person would in it; the first decision is final.

    On a server with accounts the decision is that of the login, whatever `person` says. Without a
    seat it is the one that the person sits in. ContractError if nothing was asked, if a decision
    stands, or if this one does not count.
    """
    seat = seat or _seat_of(registry, name, dossier, registry.account or person)
    experiment, trace = promotions(registry, name), ""
    if queue := find_queue(registry, experiment, seat_queue(seat)):
        items = {state.trace for state in read_items(registry, queue, answers=False)}
        trace = next(iter({trace_id(experiment, item_of(dossier).key)} & items), "")
    if not queue or not trace:
        raise ContractError(
            "nothing was asked about this dossier",
            step=STEP,
            where=f"{subject(dossier)}, seat {seat}",
            remedy="put the candidate through evaluation and gates first; on a server with "
            "accounts the promoter asks, hourly or with `paddock promote`",
        )
    before = read_seat(registry, name, dossier, seat)
    if before.state != "pending":
        raise ContractError(
            f"it is {before.state} already: {before.reason}",
            step=STEP,
            where=subject(dossier),
            remedy="nothing was changed; who decided may move its item in the Review tab back to "
            "To do, and decide again",
        )
    if approve and (void := why_void(registry, name, dossier, seat, registry.account)):
        raise ContractError(
            f"a yes of {registry.account} would not count: {void}",
            step=STEP,
            where=subject(dossier),
            remedy="nothing was changed; somebody else who sits there decides",
        )
    if before.person:  # completed by somebody whose yes counts for nothing
        registry.store.set_review_queue_item_status(queue, item_id=trace, status="pending")
    asked = question(accounts=bool(registry.account))
    value = approve if asked is PROMOTE else PROMOTE.yes if approve else PROMOTE.no
    said = Answer(question=asked.name, value=value, person=person, rationale=reason)
    answer(registry, queue, trace, [said], "complete" if approve else "declined")
    now = read_seat(registry, name, dossier, seat)
    if now.state != ("approved" if approve else "declined"):
        raise ContractError(
            f"the answer was recorded, and it does not count: {now.reason}",
            step=STEP,
            where=subject(dossier),
            remedy="decide under the name you are logged in with, once nobody's no stands",
        )


def _seat_of(registry: Registry, name: str, dossier: Dossier, person: str) -> str:
    seated = read_seated(registry, name)
    mine = [s for s in dossier.seats if seated is None or _sits(seated, s, person)]
    if len(mine) == 1:
        return mine[0]
    raise InputError(
        f"{person} sits in {'several seats' if mine else 'no seat'} that decide about it",
        step=STEP,
        where=f"{subject(dossier)}, seats {', '.join(dossier.seats)}",
        remedy="name one with --seat" if mine else "somebody who sits there decides",
    )


def _sits(seated: Seated, seat: str, person: str) -> bool:
    return person.casefold() in {one.casefold() for one in seated.seats.get(seat, ())}


def _unheard(dossier: Dossier, states: Mapping[str, ItemState], accounts: bool) -> str:
    """Return the first no to another dossier of the candidate that this one does not state."""
    told = {no.dossier for no in dossier.declined_before} | {dossier.identity}
    for state in states.values():
        about = state.facts
        if about.get("candidate") == subject(dossier) and about.get("dossier") not in told:
            answered, reason = decided(state, accounts=accounts)
            if answered == "declined":
                return reason
    return ""
