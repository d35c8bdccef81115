"""Sends a trace to a server of OpenAI's protocol, each request when it is due, whoever waits.

Open loop: a request does not wait for those before it, and its wait counts from the moment at which
it was due, not from when this machine came to send it (else what a slow server delays is left out:
"coordinated omission"). Sends that are late are told. Needs the address; writes nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import Field

from data_contracts.records import Frozen
from tasks.load.trace import Arrival

LATE_SECONDS = 0.05  # a send so far behind its time is counted as late
IN_TIME, FULL = "no answer in time", "too many under way here: not sent"
MOST_OPEN = 2_000  # under way at once: beyond it this process has no sockets to open
_LEAD = 0.1
_WORDS = (
    *("about", "after", "and", "answer", "before", "bring", "can", "carry", "cold", "come", "day"),
    *("door", "each", "every", "find", "first", "form", "from", "give", "good", "hand", "have"),
    *("help", "here", "home", "how", "keep", "kind", "know", "large", "leave", "light", "line"),
    *("list", "look", "make", "many", "more", "name", "need", "new", "next", "now", "number"),
    *("off", "often", "old", "one", "open", "order", "other", "out", "over", "part"),
)


class Sent(Frozen):
    """What came of a request. Times are seconds since the replay began; `due` is when it was to go.

    `under_way` is how many others were when it went. `error` is empty where an answer came whole.
    """

    due: float
    sent: float
    first: float | None = None
    done: float
    code: int = 0
    error: str = ""
    under_way: int = 0
    asked_tokens: int
    wanted_tokens: int
    prompt_tokens: int | None = Field(default=None, description="As the server counted them.")
    answer_tokens: int = 0
    words: bool = False

    @property
    def seconds(self) -> float:
        """Return how long whoever asked waited."""
        return self.done - self.due

    @property
    def first_seconds(self) -> float | None:
        """Return how long until the first byte."""
        return None if self.first is None else self.first - self.due


def replay(
    arrivals: Sequence[Arrival], url: str, model: str, timeout: float, seed: int
) -> list[Sent]:
    """Send arrivals to `url` (which ends in /v1) and return what came of each, in their order."""
    return asyncio.run(_replay(arrivals, url, model, timeout, random.Random(seed)))


async def _replay(
    arrivals: Sequence[Arrival], url: str, model: str, timeout: float, draw: random.Random
) -> list[Sent]:
    bodies = [_body(one, model, draw) for one in arrivals]  # before, so that none is late by it
    address = f"{url.rstrip('/')}/chat/completions"
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    clock = asyncio.get_running_loop().time
    # No proxy of the environment: it would be measured too.
    async with httpx.AsyncClient(limits=limits, timeout=None, trust_env=False) as client:  # noqa: S113
        sender = _Sender(client, address, timeout, clock() + _LEAD)
        tasks: list[asyncio.Task[Sent]] = []
        for arrival, body in zip(arrivals, bodies, strict=True):
            await asyncio.sleep(max(0.0, sender.begun + arrival.at - clock()))
            tasks.append(asyncio.create_task(sender.send(arrival, body)))
        return await asyncio.gather(*tasks)


class _Sender:
    def __init__(
        self, client: httpx.AsyncClient, address: str, timeout: float, begun: float
    ) -> None:
        self._client, self._address, self._timeout = client, address, timeout
        self.begun, self._under_way = begun, 0

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self.begun

    async def send(self, arrival: Arrival, body: bytes) -> Sent:
        told: dict[str, Any] = {"due": arrival.at, "sent": self._now()}
        told |= {"asked_tokens": arrival.prompt_tokens, "wanted_tokens": arrival.answer_tokens}
        told["under_way"] = self._under_way
        if self._under_way >= MOST_OPEN:
            return Sent(**told, done=self._now(), error=FULL)
        self._under_way += 1
        try:
            async with asyncio.timeout(arrival.at + self._timeout - self._now()):
                told |= await self._ask(body)
        except TimeoutError:
            told["error"] = IN_TIME
        except httpx.HTTPError as error:
            told["error"] = type(error).__name__
        finally:
            self._under_way -= 1
        return Sent(**told, done=self._now())

    async def _ask(self, body: bytes) -> dict[str, Any]:
        first, answer = None, _Answer()
        headers = {"content-type": "application/json"}
        async with self._client.stream(
            "POST", self._address, content=body, headers=headers
        ) as response:
            async for line in response.aiter_lines():
                first = self._now() if first is None else first
                answer.read(line)
        code = response.status_code
        error = f"answered {code}" if code != 200 else "" if answer.words else "no word in it"
        return {"code": code, "first": first, "error": error, **answer.told()}


class _Answer:
    """An answer in pieces, or whole where a server knows no pieces."""

    def __init__(self) -> None:
        self.words, self._pieces, self._usage = False, 0, dict[str, Any]()

    def read(self, line: str) -> None:
        """Read a line; one that is no JSON is none of an answer."""
        try:
            value = json.loads(line.removeprefix("data:"))
        except ValueError:
            return
        if not isinstance(value, dict):
            return
        self._usage = value.get("usage") or self._usage
        for choice in value.get("choices") or ():
            said = choice.get("delta") or choice.get("message") or {}
            if text := said.get("content") or "":
                self._pieces += 1
                self.words = self.words or bool(text.strip())

    def told(self) -> dict[str, Any]:
        """Return tokens as the server counts them; a piece is one where it does not."""
        return {
            "words": self.words,
            "prompt_tokens": self._usage.get("prompt_tokens"),
            "answer_tokens": self._usage.get("completion_tokens", self._pieces),
        }


def _body(arrival: Arrival, model: str, draw: random.Random) -> bytes:
    """Return a request of about so many tokens, of another beginning than any before.

    A common word is a token to most vocabularies. Equal beginnings a server may have in a cache.
    """
    text = " ".join(draw.choices(_WORDS, k=arrival.prompt_tokens))
    value = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": arrival.answer_tokens,
        "ignore_eos": True,  # of llama.cpp and vLLM: answers are as long as the trace's
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps(value).encode()
