"""What a batch asks of whatever answers it, and what is kept of an answer: nothing unredacted.

Pure functions over a redactor that is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from pydantic import Field

from data_contracts.errors import shielded
from data_contracts.records import Frozen
from tasks.batch.lines import STEP, Refusal, Request
from tasks.inference_log.redacting import DROPPED, UNREAD, Redactor

WITHHELD = "withheld"


class Size(NamedTuple):
    """A request's tokens: of what is read, and at most of what is answered."""

    prompt: int
    most: int

    @property
    def total(self) -> int:
        """Return the most that it can cost."""
        return self.prompt + self.most


class Answer(Frozen):
    """What is kept of an answer: a text, or vectors, or (code, words) of why there is none.

    `asked` are the request's own texts, redacted, for whoever looks at the answer later.
    """

    text: str = ""
    vectors: tuple[tuple[float, ...], ...] = ()
    finish: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    refused: tuple[str, str] | None = None
    asked: tuple[str, ...] = ()
    redactions: dict[str, int] = Field(default_factory=dict)


class Engine(Protocol):
    """A model as a batch asks it."""

    def measure(self, requests: Sequence[Request]) -> list[Size | Refusal]:
        """Return the tokens of each request, or why it cannot be taken."""
        ...

    def answer(
        self, requests: Sequence[Request], redactor: Redactor | None, tell: Callable[[int], None]
    ) -> list[Answer]:
        """Answer requests that were measured, redacted where there is a redactor."""
        ...


def redacted(
    requests: Sequence[Request], answers: Sequence[Answer], redactor: Redactor | None
) -> list[Answer]:
    """Return the answers to chats without personal data, each with its request's texts.

    Request and answer go through together, so that a value has one placeholder in both. A label is
    one of those that were given, and stays. Without a redactor nothing of a request is kept.
    """
    if redactor is None:
        return list(answers)
    records = [
        [*(turn.content for turn in request.messages), "" if request.labels else answer.text]
        for request, answer in zip(requests, answers, strict=True)
    ]
    with shielded(STEP):
        done = redactor.redact_records(records) if records else ()
    return [_kept(*one) for one in zip(requests, answers, done, strict=True)]


def _kept(request: Request, answer: Answer, found: Any) -> Answer:
    why = withheld(found)
    if why:
        changed: dict[str, Any] = {"text": "", "refused": (WITHHELD, why)}
        return answer.model_copy(update=changed)
    *asked, said = found.texts
    counted: Counter[str] = found.kinds
    changed = {"asked": tuple(asked), "redactions": dict(sorted(counted.items()))}
    return answer.model_copy(update=changed if request.labels else {**changed, "text": said})


def withheld(found: Any) -> str:
    """Return why nothing of a record may be kept; empty if it may."""
    if found.dropped_for is not None:
        return DROPPED.format(found.dropped_for)
    return UNREAD.format(found.unread) if found.unread else ""
