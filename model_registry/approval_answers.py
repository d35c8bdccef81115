"""What a person's answer to the question of promotion counts for.

Needs a review queue or an item of it, as read; takes questions out that are asked no more. Whose
answer it is, a client says; who completed the item, a server with accounts says. So there only
answers under the completer's name count, and a later one, which may be anybody's, replaces no
earlier no.
"""

from __future__ import annotations

from typing import Literal

from model_registry.approval_items import APPROVE, PROMOTE, subject
from model_registry.dossier import Dossier, EarlierNo
from model_registry.review_queues import Answer, ItemState, read_items, remove_items
from model_registry.review_traces import harmless
from model_registry.tracking import Registry

State = Literal["pending", "approved", "declined"]
_REASON_LENGTH = 200


def decided(item: ItemState, *, accounts: bool) -> tuple[State, str]:
    """Complete counts as yes only with the completer's own yes and nobody's no.

    With `accounts` the completer is whom the server let in.
    """
    said = _said(item, accounts)
    by = f"by {item.person} on {item.at[:16].replace('T', ' ')}"
    if item.status == "pending":
        return "pending", "it waits for a person"
    if item.status == "declined":
        return "declined", f"declined {by}{_because(no_of(item, accounts=accounts).reason)}"
    if no := next((entry for entry in said if not _yes(entry)), None):
        why = _because(no_of(item, accounts=accounts).reason)
        return "declined", f"{no.person} answered with {PROMOTE.no}{why}"
    own = [entry for entry in said if _same(entry.person, item.person)]
    if not own:
        return "pending", "completed without an answer: move it back to To do and answer it"
    return "approved", f"answered with {PROMOTE.yes} {by}{_because(_line(own[-1].rationale))}"


def no_of(item: ItemState, *, accounts: bool) -> EarlierNo:
    """Return the no of an item that was declined, with its reason cut at 200 characters."""
    no = next((entry for entry in _said(item, accounts) if not _yes(entry)), None)
    return EarlierNo(
        dossier=item.facts.get("dossier", ""),
        person=no.person if no else item.person,
        at=item.at,
        reason=_line(no.rationale if no else ""),
    )


def ask_no_more(registry: Registry, dossier: Dossier, queue: str) -> None:
    """Take out of a queue what asks about earlier dossiers of the candidate: a yes would be void.

    What anybody answered stays, since a no to an earlier dossier stands.
    """
    unanswered = [
        item.trace
        for item in read_items(registry, queue)
        if item.facts.get("candidate") == subject(dossier)
        and item.facts.get("dossier") != dossier.identity
        and item.status == "pending"
        and not (item.answers or item.withdrawn)
    ]
    remove_items(registry, queue, unanswered)


def _said(item: ItemState, accounts: bool) -> list[Answer]:
    """Return the answers that may count, those that say no first where accounts are known."""
    names = {PROMOTE.name, APPROVE.name}
    asked = [entry for entry in item.answers if entry.question in names]
    if not accounts:
        return asked
    against = [entry for entry in item.withdrawn if entry.question in names and not _yes(entry)]
    return [entry for entry in (*against, *asked) if _same(entry.person, item.person)]


def _yes(said: Answer) -> bool:
    return said.value is True or said.value == PROMOTE.yes


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _line(text: str) -> str:
    """Return a reason on one line of a table, with no picture that a browser would fetch."""
    reason = harmless(" ".join(text.split()).replace("|", "/"))
    return reason[:_REASON_LENGTH]


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
