"""What counts of what people said of answers, and why the rest does not.

Needs the items of a review queue, as read; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from model_registry.review_queues import Answer, ItemState
from tasks.human_review.agreement import Said
from tasks.human_review.questions import NOT_APPLICABLE, Rated


class Look(NamedTuple):
    """What was said of a sample's answers in one queue, by the answers' identities."""

    states: Mapping[str, ItemState]
    second: bool


def is_complete(state: ItemState) -> bool:
    """Tell whether somebody completed an item."""
    return state.status == "complete"


def own(state: ItemState) -> list[Answer]:
    """Return what the person said who completed the item: the one whom a login proves."""
    return [a for a in state.answers if a.person.casefold() == state.person.casefold()]


def counted(figure: Rated, looks: Sequence[Look], not_counted: dict[str, int]) -> Iterable[Said]:
    """Yield what counts of the answers to a question; count the others, with why."""
    raters: dict[str, str] = {}
    for look in looks:
        for item, state in look.states.items():
            if not is_complete(state):
                continue
            if figure.question in _not_applicable(state):
                why = f"{figure.question}: does not apply"
                not_counted[why] = not_counted.get(why, 0) + 1
                continue
            person = state.person.casefold()
            for answer in state.answers:
                if answer.question != figure.question:
                    continue
                why, value = _why_not(figure, state, answer), _value(answer)
                if not why and look.second and raters.get(item) == person:
                    why = "a second look by the person of the first"
                if why or value is None:
                    not_counted[why] = not_counted.get(why, 0) + 1
                    continue
                raters.setdefault(item, person)
                yield Said(item=item, person=state.person, at=state.at, value=value)


def _why_not(figure: Rated, state: ItemState, answer: Answer) -> str:
    """Return why one answer counts for nothing, whoever else answered; empty if it may count."""
    if answer.person.casefold() != state.person.casefold():
        return "said by somebody else than who completed the item"
    value = _value(answer)
    if value is None or not figure.allows(value):
        return f"{figure.question}: outside of what can be answered"
    return ""


def _not_applicable(state: ItemState) -> set[str]:
    """Return the questions that cannot be judged of an answer, as who completed the item said."""
    said = [entry.value for entry in own(state) if entry.question == NOT_APPLICABLE]
    return {name for value in said if isinstance(value, tuple) for name in value}


def _value(answer: Answer) -> float | None:
    if isinstance(answer.value, str | tuple) or not math.isfinite(answer.value):
        return None
    return float(answer.value)
