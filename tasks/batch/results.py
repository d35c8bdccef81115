"""The files a batch ends with, in OpenAI's form: answers in one, what has none in another.

Writes both whole or not at all. Each line of the input stands in one of them, once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import IntegrityError, PaddockError
from tasks.batch.engine import Answer
from tasks.batch.lines import STEP, Refusal, Request, Requests


class Made(NamedTuple):
    """An answer with the output it stands in: `made` is its work's fingerprint and place."""

    answer: Answer
    made: str
    created: int  # seconds since 1970


class Written(NamedTuple):
    """How many lines stand where, and what went from them."""

    answered: int
    refused: int
    redacted: int


def write_results(
    batch: Requests,
    made: Mapping[int, Made],
    model: str,
    out: Path,
    errors: Path,
    *,
    not_reached: str = "",
) -> Written:
    """Write both files; `made` gives answers by line, and what has none was `not_reached`.

    IntegrityError if a request has neither answer nor refusal, or more than one.
    """
    refused = list(batch.refused)
    answered: list[tuple[Request, Made]] = []
    for request in batch.requests:
        found = made.get(request.line)
        if found is None:
            refused.append(_unanswered(request, "batch_stopped", not_reached))
        elif found.answer.refused is not None:
            refused.append(_unanswered(request, *found.answer.refused))
        else:
            answered.append((request, found))
    _require_each_once(batch, answered, refused)
    _put(out, (_answer_line(request, found, model) for request, found in answered))
    _put(errors, (_error_line(one) for one in sorted(refused, key=lambda one: one.line)))
    values = sum(sum(found.answer.redactions.values()) for _, found in answered)
    return Written(len(answered), len(refused), values)


def _require_each_once(
    batch: Requests, answered: list[tuple[Request, Made]], refused: list[Refusal]
) -> None:
    asked = {one.line for one in (*batch.requests, *batch.refused)}
    told = [request.line for request, _ in answered] + [one.line for one in refused]
    identities = [request.custom_id for request, _ in answered]
    once = len(told) == len(asked) and set(told) == asked
    if not once or any(not one.message for one in refused):
        raise IntegrityError(
            f"{len(asked):,} lines were read, and {len(told):,} have an answer or a refusal",
            step=STEP,
            remedy="run again; if it repeats, report it",
        )
    if len(set(identities)) != len(identities):
        raise IntegrityError("a request has two answers", step=STEP, remedy="report it")


def _unanswered(request: Request, code: str, message: str) -> Refusal:
    return Refusal(request.line, request.custom_id, code, message)


def _answer_line(request: Request, found: Made, model: str) -> dict[str, Any]:
    identity = _identity(found.made, request.custom_id)
    body = (_vectors if request.texts else _completion)(found, model, identity)
    return {
        "id": f"batch_req_{identity}",
        "custom_id": request.custom_id,
        "response": {"status_code": 200, "request_id": f"req_{identity}", "body": body},
        "error": None,
    }


def _completion(found: Made, model: str, identity: str) -> dict[str, Any]:
    answer = found.answer
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    return {
        "id": f"chatcmpl-{identity}",
        "object": "chat.completion",
        "created": found.created,
        "model": model,
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        ],
        "usage": {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        },
    }


def _vectors(found: Made, model: str, _: str) -> dict[str, Any]:
    answer = found.answer
    tokens = answer.prompt_tokens
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": vector}
            for place, vector in enumerate(answer.vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _error_line(refusal: Refusal) -> dict[str, Any]:
    told = f"line {refusal.line} {refusal.code}"
    return {
        "id": f"batch_req_{_identity(told, refusal.custom_id or '')}",
        "custom_id": refusal.custom_id,
        "response": None,
        "error": {
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "line": refusal.line,
        },
    }


def _identity(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _put(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.writelines(_texts(rows))
        aside.replace(path)
    except OSError as error:
        raise PaddockError(
            f"the answers cannot be written ({error.strerror})",
            step=STEP,
            where=str(path),
            remedy="name another place with --out, and run again: what is answered is kept",
        ) from None
    finally:
        aside.unlink(missing_ok=True)


def _texts(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"
