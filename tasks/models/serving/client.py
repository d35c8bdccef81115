"""Asks a server for completions, as vLLM (0.10.2 or newer) or llama.cpp speaks them.

Prompts go as token ids and answers come as token ids, so no text is tokenized a second time.
llama.cpp has an address of its own for that, and leaves the end token out. Greedy, whatever the
model's generation config says. Log-probabilities of the tokens are asked of vLLM, and a server that
gives none still answers. No error holds a prompt, an answer or the key.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from tasks.models.prompts import Prompt
from tasks.models.serving.server import ANSWER_SECONDS, IN_FLIGHT, SETTING, Server

_VLLM, _LLAMA_CPP = "/v1/completions", "/completion"
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a question is asked again
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
GREEDY = {
    "temperature": 0.0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


class _Completed(BaseModel):
    tokens: list[int]
    stop_type: str


class _Likely(BaseModel):
    token_logprobs: list[float | None] = Field(default_factory=list[float | None])


class _Choice(BaseModel):
    token_ids: list[int] | None = None
    finish_reason: str | None = None
    logprobs: _Likely | None = None


class _Completion(BaseModel):
    model: str
    choices: list[_Choice] = Field(min_length=1, max_length=1)


def ask(
    server: Server,
    prompts: Sequence[Prompt],
    ends: frozenset[int],
    progress: Callable[[int], None],
) -> None:
    """Fill in every prompt's answer; `progress` hears how many are done.

    PaddockError if the server refuses a question, cuts an answer, or is not there any more.
    """
    # The longest first: what takes many steps must not begin last.
    ordered = sorted(prompts, key=lambda p: (-p.budget, -len(p.ids), p.eval_set, p.case_id))
    given_up = threading.Event()
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="asking")
    try:
        asked = [pool.submit(_answer, server, prompt, ends, given_up) for prompt in ordered]
        for done, answered in enumerate(as_completed(asked), start=1):
            answered.result()
            progress(done)
    finally:
        # Where one failed, those under way end with the server, which ends next.
        given_up.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(
    server: Server, prompt: Prompt, ends: frozenset[int], given_up: threading.Event
) -> None:
    if server.protocol == "llama.cpp":
        _answer_of_llama_cpp(server, prompt, ends, given_up)
        return
    body = {
        "model": server.name,
        "prompt": prompt.ids,
        "max_tokens": prompt.budget,
        "stop_token_ids": sorted(ends),
        "return_token_ids": True,
        "logprobs": 0,  # of the tokens that were chosen, and of no others
        **GREEDY,
    }
    question = f"{prompt.eval_set}/{prompt.case_id}".lstrip("/")
    completion = _read(_post(server, _VLLM, body, question, given_up), server, question)
    [choice] = completion.choices
    if choice.token_ids is None:
        raise server.failed(
            "the model server returns no token ids",
            "serve with vLLM 0.10.2 or newer",
            question,
        )
    _keep(prompt, choice.token_ids, choice.finish_reason, ends, server, question)
    prompt.log_probability = _log_probability(choice, prompt)


def _answer_of_llama_cpp(
    server: Server, prompt: Prompt, ends: frozenset[int], given_up: threading.Event
) -> None:
    """Ask for an answer's tokens; it has no log-probabilities of what was chosen greedily."""
    body = {
        "prompt": prompt.ids,
        "n_predict": prompt.budget,
        "return_tokens": True,
        "cache_prompt": False,
        "temperature": 0.0,
        "repeat_penalty": 1.0,
    }
    question = f"{prompt.eval_set}/{prompt.case_id}".lstrip("/")
    try:
        told = _Completed.model_validate_json(
            _post(server, _LLAMA_CPP, body, question, given_up).content
        )
    except ValidationError:
        raise server.failed(
            "the model server answers in another form than llama.cpp's",
            "use the llama.cpp that comes with Paddock",
            question,
        ) from None
    reason = "length" if told.stop_type == "limit" else "stop"
    _keep(prompt, told.tokens, reason, ends, server, question)


def _keep(
    prompt: Prompt,
    ids: list[int],
    reason: str | None,
    ends: frozenset[int],
    server: Server,
    question: str,
) -> None:
    """Take an answer up to its end token, which vLLM leaves in."""
    end = next((place for place, token in enumerate(ids) if token in ends), None)
    short = end is None and reason == "length" and len(ids) < prompt.budget
    if short or len(ids) > prompt.budget or reason not in ("stop", "length"):
        raise server.failed(
            f"the model server ended an answer ({str(reason)[:20]!r}) at {len(ids)} tokens where"
            f" {prompt.budget} were allowed",
            f"add --generation-config vllm to {SETTING}, and let it limit no lengths",
            question,
        )
    prompt.answer = ids[:end]
    prompt.truncated = end is None and reason == "length"


def _log_probability(choice: _Choice, prompt: Prompt) -> float | None:
    """Return the log-probability of what was kept; None unless each token's was told."""
    given = choice.logprobs.token_logprobs if choice.logprobs else []
    terms = given[: prompt.terms]
    known = [one for one in terms if one is not None and math.isfinite(one)]
    whole = len(given) == len(choice.token_ids or ()) and len(known) == prompt.terms
    return math.fsum(known) if whole else None


def _post(
    server: Server, place: str, body: dict[str, Any], question: str, given_up: threading.Event
) -> httpx.Response:
    """Return a good response; what may pass is tried again, with growing waits."""
    problem = ""
    for wait in (*WAITS, None):
        response, problem, again = _try(server.client, place, body)
        if response is not None:
            return response
        if not again or wait is None or given_up.wait(wait):
            break
        if (code := server.ended()) is not None:
            problem = f"it ended with exit code {code}"
            break
    raise server.failed(
        f"the model server did not answer: {problem}",
        "read its log, and run again",
        question,
    )


def _try(
    client: httpx.Client, place: str, body: dict[str, Any]
) -> tuple[httpx.Response | None, str, bool]:
    """Return the response if it is good, else what is wrong and whether it may pass."""
    try:
        response = client.post(place, json=body)
    except httpx.ReadTimeout:
        # An answer that takes so long takes so long again.
        return None, f"nothing came in {ANSWER_SECONDS:g} s", False
    except httpx.TransportError as error:
        return None, type(error).__name__, True
    status = response.status_code
    if status == 200:
        return response, "", False
    return None, f"HTTP {status}", status in AGAIN


def _read(response: httpx.Response, server: Server, question: str) -> _Completion:
    try:
        completion = _Completion.model_validate_json(response.content)
    except ValidationError:
        completion = None
    if completion is None or completion.model != server.name:
        what = "in another form than vLLM's" if completion is None else "as another model"
        raise server.failed(
            f"the model server answers {what}",
            f"let {SETTING} start vLLM 0.10.2 or newer",
            question,
        )
    return completion
