"""A model that answers chats: prompts measured before anything costs, then answered some at a time.

Needs a model folder, or a server that serves it. Greedy: an answer depends on model and prompt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import InputError
from tasks.batch.engine import Answer, Size, redacted
from tasks.batch.lines import Refusal, Request
from tasks.inference_log.redacting import Redactor
from tasks.models.prompts import Prompt, render_question

if TYPE_CHECKING:
    from tasks.models.respondents import Respondent

PROBE, PROBE_TOKENS = 32, 16  # requests that are tried for a model's speed, and tokens of each
_EDGES = re.compile(r"^\W+|\W+$")
Tell = Callable[[int], None]


class Chats:
    """A model as the batch asks it; it is loaded, or its server started, with the first answer."""

    def __init__(
        self, folder: Path, open_model: Callable[[], AbstractContextManager[Respondent]]
    ) -> None:
        """Read the model's tokenizer and limits, not its weights."""
        from tasks.models.loading import load_outline

        outline, self._tokenizer = load_outline(folder)
        self._context = int(outline.config.max_position_embeddings)
        self._open, self._stack = open_model, ExitStack()
        self._asked: Respondent | None = None

    def __enter__(self) -> Chats:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, requests: Sequence[Request]) -> list[Size | Refusal]:
        """Return the tokens of each request, or why the model cannot take it."""
        rendered = [self._rendered(request) for request in requests]
        counts = iter(map(len, self._ids([text for text in rendered if isinstance(text, str)])))
        return [
            self._sized(request, next(counts)) if isinstance(text, str) else text
            for request, text in zip(requests, rendered, strict=True)
        ]

    def answer(
        self, requests: Sequence[Request], redactor: Redactor | None, tell: Tell
    ) -> list[Answer]:
        """Answer requests that were measured; `tell` hears how many are done."""
        prompts = self.prompts(requests)
        self.decode(prompts, tell)
        answers = [self._answer(*pair) for pair in zip(requests, prompts, strict=True)]
        return redacted(requests, answers, redactor)

    def probe(self, requests: Sequence[Request]) -> float:
        """Return the tokens a second that a few of the requests are answered with, once loaded."""
        some = requests[:: max(1, len(requests) // PROBE)][:PROBE]
        self.decode(self.prompts(some[:1], 1), lambda _: None)  # loads the model
        prompts = self.prompts(some, PROBE_TOKENS)
        began = time.perf_counter()
        self.decode(prompts, lambda _: None)
        return sum(prompt.terms for prompt in prompts) / (time.perf_counter() - began)

    def prompts(self, requests: Sequence[Request], most: int = 0) -> list[Prompt]:
        """Return measured requests as prompts, of `most` tokens at most if that is given."""
        texts = [text for one in requests if isinstance(text := self._rendered(one), str)]
        return [
            Prompt("", f"{place:06d}", ids, min(one.max_tokens, most or one.max_tokens))
            for place, (one, ids) in enumerate(zip(requests, self._ids(texts), strict=True))
        ]

    def decode(self, prompts: Sequence[Prompt], tell: Tell) -> None:
        """Fill in the prompts' answers; `tell` hears how many are done."""
        if self._asked is None:
            self._asked = self._stack.enter_context(self._open())
        self._asked.answer(prompts, lambda done, _: tell(done))

    def _rendered(self, request: Request) -> str | Refusal:
        try:
            return render_question(request.messages, self._tokenizer, f"line {request.line}")
        except InputError as error:  # the template's words, which quote no message
            return _refused(request, "invalid_value", error.what, "body.messages")

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Return each text's tokens: of all at once, which is much faster than one by one."""
        tokenizer: Any = self._tokenizer
        return tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []

    def _sized(self, request: Request, tokens: int) -> Size | Refusal:
        if tokens + request.max_tokens > self._context:
            return _too_long(request, tokens, self._context)
        return Size(tokens, request.max_tokens)

    def _answer(self, request: Request, prompt: Prompt) -> Answer:
        text, tokens, cut = self._text(prompt.answer), len(prompt.answer), prompt.truncated
        if request.stop and (ended := self._stopped(prompt.answer, request.stop)):
            (text, tokens), cut = ended, False
        answer = Answer(
            text=text.strip(),
            finish="length" if cut else "stop",
            prompt_tokens=len(prompt.ids),
            completion_tokens=tokens,
        )
        return _labelled(answer, request.labels) if request.labels else answer

    def _text(self, tokens: Sequence[int]) -> str:
        tokenizer: Any = self._tokenizer
        return tokenizer.decode(tokens, skip_special_tokens=True)

    def _stopped(self, tokens: Sequence[int], stops: Sequence[str]) -> tuple[str, int] | None:
        """Return the answer before the first stop, and the tokens until that had been said."""
        text = self._text(tokens)
        places = [place for stop in stops if (place := text.find(stop)) >= 0]
        if not places:
            return None
        said = next(
            count
            for count in range(1, len(tokens) + 1)
            if any(stop in self._text(tokens[:count]) for stop in stops)
        )
        return text[: min(places)], said


def _labelled(answer: Answer, labels: Sequence[str]) -> Answer:
    """Return the answer as the label that it is; refused if it is none of them."""
    said = _EDGES.sub("", answer.text).casefold()
    found = next((label for label in labels if _EDGES.sub("", label).casefold() == said), None)
    if found is None:
        why = f"the model's answer is none of the {len(labels)} labels"
        return answer.model_copy(update={"text": "", "refused": ("no_label", why)})
    return answer.model_copy(update={"text": found})


def _refused(request: Request, code: str, message: str, param: str) -> Refusal:
    return Refusal(request.line, request.custom_id, code, message, param)


def _too_long(request: Request, tokens: int, context: int) -> Refusal:
    what = (
        f"the prompt has {tokens:,} tokens; with an answer of {request.max_tokens:,} it is longer "
        f"than the model's context of {context:,}"
    )
    return _refused(request, "context_length_exceeded", what, "body.messages")
