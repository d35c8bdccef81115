"""Small or large: a request's body in, a decision out. Whatever cannot be read goes to the large.

Needs a router and its encoder, loaded once. One request is computed at a time; one that waits
longer than an answer is of use is not computed. Writes nothing.
"""

from __future__ import annotations

import json
import threading
from typing import Any, NamedTuple

from data_contracts.errors import IntegrityError
from tasks.models.encoding import Encodes
from tasks.routing.model import Router, features_of
from tasks.routing.pairs import STEP


class Question(NamedTuple):
    """What a router reads of a conversation: the user's last words, and the turns of the user."""

    text: str
    turns: int


class Decision(NamedTuple):
    """Where a request goes. `margin` is the score above the threshold.

    None where nothing was computed: the request cannot be read, others were in the way, or there
    is no threshold.
    """

    small: bool
    margin: float | None


LARGE = Decision(small=False, margin=None)


class Decider:
    """Decides by one router; safe for threads of one process."""

    def __init__(self, router: Router, encoder: Encodes, wait_seconds: float) -> None:
        """Load the encoder; IntegrityError if the router was made with another."""
        if router.encoder != encoder.digest:
            raise IntegrityError(
                "the router was made with another encoder than the one that is here",
                step=STEP,
                where=f"encoder {encoder.digest[:16]}, the router's {router.encoder[:16]}",
                remedy="make a router with this one: `paddock router build`",
            )
        self._router, self._encoder, self._wait = router, encoder, wait_seconds
        self._lock = threading.Lock()
        features_of(encoder, ["Where is my parcel?"], [1])  # loads it

    def decide(self, body: bytes) -> Decision:
        """Return where a request to /v1/chat/completions goes."""
        if self._router.threshold is None or (question := question_of(body)) is None:
            return LARGE
        if not self._lock.acquire(timeout=self._wait):
            return LARGE
        try:
            [score] = self._router.scores(
                features_of(self._encoder, [question.text], [question.turns])
            )
        finally:
            self._lock.release()
        margin = float(score) - self._router.threshold
        return Decision(small=margin >= 0, margin=margin)


def question_of(body: bytes) -> Question | None:
    """Return what is asked; None where it is not a user's text that stands last.

    Requests with tools go to the large model: no eval set asked either one with any.
    """
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or asked.get("tools") or asked.get("functions"):
        return None
    messages = asked.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        return None
    if not messages or messages[-1].get("role") != "user":
        return None
    text = _text_of(messages[-1].get("content"))
    turns = sum(one.get("role") == "user" for one in messages)
    return Question(text, turns) if text and text.strip() else None


def _text_of(content: Any) -> str | None:
    """Return a message's text; None where there is something else in it."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts: list[str] = []
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return None
        parts.append(part["text"])
    return "\n".join(parts)
