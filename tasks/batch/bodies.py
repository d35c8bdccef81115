"""OpenAI's batch format: what a line's envelope and body may say, and what is refused.

Pure functions. What is not understood is refused with its own reason, never left out in silence;
no reason quotes a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from data_contracts.records import Message
from tasks.batch.lines import Requests, UnfitError, custom_id, is_text, read_lines, text_of

CHATS, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ROLES = frozenset({"system", "user", "assistant"})
# Fields that ask for what is done anyway, if they have one of these values.
_AS_IT_IS: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "n": (1,),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "stream": (False,),
    "temperature": (0,),
    "tools": ([],),
    "top_p": (1,),
}
_WHY = {
    "n": "one answer is given to a request",
    "stream": "a batch is no stream",
    "temperature": "answers are greedy: the decoder does not sample",
}


def read_batch(path: Path, url: str, models: Sequence[str], max_tokens: int) -> Requests:
    """Read a file of requests to `url`, of which each may name one of `models`, or none.

    `max_tokens` is of an answer whose request names no limit. InputError if no line is a request.
    """
    body = partial(_chat, max_tokens) if url == CHATS else _embedding

    def read(row: Mapping[str, Any], _: int) -> tuple[str, dict[str, Any]]:
        identity = custom_id(row.get("custom_id"))
        _envelope(row, url)
        asked = row["body"]
        _require_model(asked.get("model"), models)
        return identity, body(asked)

    return read_lines(path, read)


def _envelope(row: Mapping[str, Any], url: str) -> None:
    _require_known(row, {"custom_id", "method", "url", "body"}, "")
    if row.get("method") != "POST":
        raise UnfitError("invalid_method", "method must be POST", "method")
    if row.get("url") != url:
        raise UnfitError(
            "invalid_url", f"url must be {url}, which this batch is answered by", "url"
        )
    if not isinstance(row.get("body"), dict):
        raise UnfitError("missing_required_parameter", "body must be an object", "body")


def _require_model(named: Any, models: Sequence[str]) -> None:
    if named is not None and named not in models:
        raise UnfitError(
            "mismatched_model",
            "the request names another model than the one that answers the batch: leave "
            f"body.model out, or write {models[0]}",
            "body.model",
        )


def _require_known(given: Mapping[str, Any], known: set[str], inside: str) -> None:
    for name in given:
        if name not in known:
            word = f"{inside}{name}" if _WORD.fullmatch(name) else f"{inside}a field"
            raise UnfitError("unknown_parameter", f"{word} is not known here: leave it out", word)


def _require_as_it_is(body: Mapping[str, Any]) -> None:
    for name, allowed in _AS_IT_IS.items():
        value = body.get(name)
        if value is None or any(_same(value, one) for one in allowed):
            continue
        why = _WHY.get(name, f"{name} is not done here")
        raise UnfitError(
            "unsupported_value",
            f"{why}; leave body.{name} out, or give {json.dumps(allowed[0])}",
            f"body.{name}",
        )


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _chat(default: int, body: Mapping[str, Any]) -> dict[str, Any]:
    read = {"model", "messages", "max_tokens", "max_completion_tokens", "seed", "stop"}
    _require_known(body, read | set(_AS_IT_IS), "body.")
    _require_as_it_is(body)
    seed = body.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise UnfitError("invalid_value", "body.seed is no whole number", "body.seed")
    return {
        "messages": _messages(body.get("messages")),
        "max_tokens": _limit(body, default),
        "stop": _stops(body.get("stop")),
    }


def _messages(given: Any) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given:
        what = "body.messages must be a list with a message in it"
        raise UnfitError("missing_required_parameter", what, "body.messages")
    messages = tuple(_message(one, f"body.messages[{n}]") for n, one in enumerate(given))
    if messages[-1].role != "user":
        what = "the last of body.messages must be the user's: it is what is answered"
        raise UnfitError("invalid_value", what, "body.messages")
    return messages


def _message(given: Any, where: str) -> Message:
    if not isinstance(given, dict) or given.get("role") not in _ROLES:
        what = f"{where}.role must be system, user or assistant"
        raise UnfitError("invalid_value", what, f"{where}.role")
    _require_known(given, {"role", "content"}, f"{where}.")
    content = given.get("content")
    if isinstance(content, list):
        content = "".join(_part(part, where) for part in content)
    return Message(role=given["role"], content=text_of(content, f"{where}.content"))


def _part(given: Any, where: str) -> str:
    if not isinstance(given, dict) or set(given) != {"type", "text"} or given["type"] != "text":
        what = f"{where}.content may hold parts of type text alone"
        raise UnfitError("unsupported_value", what, f"{where}.content")
    return text_of(given["text"], f"{where}.content")


def _limit(body: Mapping[str, Any], default: int) -> int:
    named = {
        name: body[name]
        for name in ("max_completion_tokens", "max_tokens")
        if body.get(name) is not None
    }
    if len({*map(str, named.values())}) > 1:
        what = "max_tokens and max_completion_tokens say different things"
        raise UnfitError("invalid_value", what, "body.max_tokens")
    for name, value in named.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UnfitError("invalid_value", f"body.{name} must be 1 or more", f"body.{name}")
        return value
    return default


def _stops(given: Any) -> tuple[str, ...]:
    found = [given] if isinstance(given, str) else given or []
    if not isinstance(found, list) or len(found) > 4:
        raise UnfitError(
            "invalid_value", "body.stop must be a text, or a list of up to 4", "body.stop"
        )
    if not all(isinstance(one, str) and one and is_text(one) for one in found):
        raise UnfitError("invalid_value", "body.stop holds what is no text, or empty", "body.stop")
    return tuple(found)


def _embedding(body: Mapping[str, Any]) -> dict[str, Any]:
    _require_known(body, {"model", "input", "encoding_format"}, "body.")
    if body.get("encoding_format") not in (None, "float"):
        what = "vectors are written as numbers; leave body.encoding_format out, or give float"
        raise UnfitError("unsupported_value", what, "body.encoding_format")
    given = body.get("input")
    texts = given if isinstance(given, list) else [given]
    if not texts:
        what = "body.input must be a text or a list of texts"
        raise UnfitError("missing_required_parameter", what, "body.input")
    return {"texts": tuple(text_of(one, "body.input") for one in texts)}
