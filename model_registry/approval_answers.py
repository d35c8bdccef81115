"""What a person's answer to the question of promotion counts for.

Needs an item of a review queue, as read; writes nothing.
"""

from __future__ import annotations

from typing import Literal

from model_registry.approval_items import PROMOTE
from model_registry.dossier import EarlierNo
from model_registry.review_queues import ItemState

State = Literal["pending", "approved", "declined"]
_REASON_LENGTH = 200


def decided(item: ItemState) -> tuple[State, str]:
    """Complete counts as yes only with the completer's own yes and nobody's no."""
    said = [entry for entry in item.answers if entry.question == PROMOTE.name]
    by = f"by {item.person} on {item.at[:16].replace('T', ' ')}"
    if item.status == "pending":
        return "pending", "it waits for a person"
    if item.status == "declined":
        return "declined", f"declined {by}{_because(no_of(item).reason)}"
    if no := next((entry for entry in said if entry.value is not True), None):
        return "declined", f"{no.person} answered with {PROMOTE.no}{_because(no_of(item).reason)}"
    if not any(entry.person.casefold() == item.person.casefold() for entry in said):
        return "pending", "completed without an answer: move it back to To do and answer it"
    return "approved", f"answered with {PROMOTE.yes} {by}"


def no_of(item: ItemState) -> EarlierNo:
    """Return the no of an item that was declined, with its reason cut at 200 characters."""
    said = [entry for entry in item.answers if entry.question == PROMOTE.name]
    no = next((entry for entry in said if entry.value is not True), None)
    # On one line of a table, and with no picture that a reviewer's browser would fetch.
    reason = " ".join((no.rationale if no else "").split())
    for sign, harmless in {"|": "/", "<": "&lt;", "![": "! ["}.items():
        reason = reason.replace(sign, harmless)
    return EarlierNo(
        dossier=item.facts.get("dossier", ""),
        person=no.person if no else item.person,
        at=item.at,
        reason=reason[:_REASON_LENGTH],
    )


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
