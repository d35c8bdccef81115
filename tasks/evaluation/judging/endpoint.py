"""Asks a judge over the chat protocol of OpenAI, which vLLM, LiteLLM and most gateways speak.

Needs an address and, where it asks for one, a key. No error holds a question, an answer or the key.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from pydantic import BaseModel, Field, ValidationError

from data_contracts.errors import PaddockError

STEP = "judge"
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a question is asked again
ANSWER_SECONDS, MOST_TOKENS, AT_ONCE = 120.0, 40, 8


class Question(NamedTuple):
    """What is asked: the rubric's instruction and what is to be judged, as data."""

    system: str
    user: str


class Reply(NamedTuple):
    """A verdict (a word, "" where none could be read), and the tokens it took."""

    verdict: str
    input_tokens: int
    output_tokens: int


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage = _Usage()


@dataclass(frozen=True)
class Endpoint:
    """Where a judge answers: `url` up to and with `/v1`; `waits` between tries, in seconds."""

    url: str
    key: str = field(default="", repr=False)
    waits: tuple[float, ...] = WAITS

    def ask(
        self, model: str, questions: Sequence[Question], progress: Callable[[int], None]
    ) -> list[Reply]:
        """Return a reply to every question, in order; PaddockError if the endpoint fails."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        replies: list[Reply] = []
        with (
            httpx.Client(headers=headers, timeout=ANSWER_SECONDS) as client,
            ThreadPoolExecutor(AT_ONCE, thread_name_prefix="judging") as pool,
        ):
            asked = [pool.submit(self._reply, client, model, question) for question in questions]
            try:
                for one in asked:
                    replies.append(one.result())
                    progress(len(replies))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return replies

    def _reply(self, client: httpx.Client, model: str, question: Question) -> Reply:
        body = {
            "model": model,
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": question.user},
            ],
        }
        problem = ""
        for wait in (*self.waits, None):
            response, problem, again = self._try(client, body)
            if response is not None:
                return _read(response, self.url)
            if not again or wait is None:
                break
            time.sleep(wait)
        raise _failed(self.url, problem)

    def _try(
        self, client: httpx.Client, body: dict[str, Any]
    ) -> tuple[httpx.Response | None, str, bool]:
        """Return the response if it is good, else what is wrong and whether it may pass."""
        try:
            response = client.post(f"{self.url.rstrip('/')}/chat/completions", json=body)
        except httpx.HTTPError as error:
            return None, type(error).__name__, True
        if response.status_code == 200:
            return response, "", False
        return None, f"HTTP {response.status_code}", response.status_code in AGAIN


def _read(response: httpx.Response, url: str) -> Reply:
    try:
        completion = _Completion.model_validate_json(response.content)
    except ValidationError:
        raise _failed(url, "it answers in another form than chat completions") from None
    text, usage = completion.choices[0].message.content or "", completion.usage
    return Reply(_verdict(text), usage.prompt_tokens, usage.completion_tokens)


def _verdict(text: str) -> str:
    """Return the verdict of `{"verdict": "…"}`, which may stand between other words, or ""."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value: Any = json.loads(text[start : end + 1]) if start >= 0 else None
    except ValueError:
        return ""
    verdict: Any = value.get("verdict") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return verdict.strip().casefold() if isinstance(verdict, str) else ""


def _failed(url: str, problem: str) -> PaddockError:
    return PaddockError(
        f"the judge did not answer: {problem}",
        step=STEP,
        where=url,
        remedy="check PADDOCK_JUDGE_URL, PADDOCK_JUDGE_KEY and the rubric's model; what it judged "
        "is asked again with the next run",
    )
