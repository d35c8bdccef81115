"""Requests as gateways and servers log them, turned into rows of the inference log's contract.

Reads three forms: our own rows; a request beside its response, as OpenAI's API has them (what a
proxy before vLLM writes); and LiteLLM's StandardLoggingPayload. Pure functions: a value in, a row
or the reason why it makes none out. Reasons quote nothing of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from data_contracts.inference_log import FIELDS

Value = Mapping[str, Any]
FAILED = "a request that failed"
TOOLS = "a conversation with tools"
NO_CHAT = "no request of a chat, nor of a completion"
_REQUESTS = ("request", "request_body", "input", "body")
_RESPONSES = ("response", "response_body", "output")
_TIMES = ("time", "timestamp", "end_time", "endTime", "created_at", "ts")
_IDS = ("id", "request_id", "litellm_call_id")
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_CHATS = frozenset(
    {"completion", "acompletion", "text_completion", "atext_completion", "chat_completion", ""}
)
# What a client may say of its request in LiteLLM's metadata.
_OWN = frozenset({"version", "model_version", "variant", "consent", "feedback", "user_feedback"})
_HIDDEN = "redacted-by-litellm"


class NoRowError(ValueError):
    """Why a value makes no row, in words that quote nothing of it."""


def as_row(value: Value) -> dict[str, Any] | str:
    """Return a row of the contract, unchecked, or why there is none."""
    try:
        if "prompt" in value and "answer" in value:
            return dict(value)
        if "messages" in value and "response" in value:
            return _litellm(value)
        return _pair(value)
    except NoRowError as error:
        return str(error)


def _pair(value: Value) -> dict[str, Any]:
    """Return the row of a request beside its response; what else is ours goes along."""
    request, response = _object(value, _REQUESTS), _object(value, _RESPONSES)
    if value.get("error") or response.get("error"):
        raise NoRowError(FAILED)
    ours = {name: value[name] for name in FIELDS.intersection(value) if name not in _IDS}
    row = {
        **exchange(request, response),
        "id": _first(value, _IDS) or response.get("id"),
        "time": _first(value, _TIMES) or response.get("created"),
        "model": value.get("model") or request.get("model") or response.get("model"),
    }
    return {**row, **ours, "time": row["time"], "model": row["model"]}


def _litellm(value: Value) -> dict[str, Any]:
    if value.get("status") == "failure" or value.get("error_str"):
        raise NoRowError(FAILED)
    if str(value.get("call_type") or "") not in _CHATS:
        raise NoRowError(NO_CHAT)
    response = value["response"]
    if isinstance(response, str) and response != _HIDDEN:
        response = {"choices": [{"message": {"role": "assistant", "content": response}}]}
    request: dict[str, Any] = {"messages": value["messages"]}
    if isinstance(value["messages"], str):
        request = {"prompt": value["messages"]}
    if _HIDDEN in (response, value["messages"]) or _hides(value["messages"]):
        raise NoRowError("what was said is not in the log: the proxy leaves it out")
    if not isinstance(response, Mapping):
        raise NoRowError("a response that is none of a chat")
    began, ended, first = (value.get(n) for n in ("startTime", "endTime", "completionStartTime"))
    about = _mapping(value.get("metadata"))
    row = {
        **exchange(request, response),
        "id": value.get("id"),
        "time": ended,
        "model": value.get("model_group") or value.get("model"),
        "prompt_tokens": value.get("prompt_tokens"),
        "answer_tokens": value.get("completion_tokens"),
        "seconds": _between(began, ended),
        # Without a stream it is when the whole answer was there.
        "first_token_seconds": _between(began, first) if first != ended else None,
        "cost": value.get("response_cost"),
        "tenant": about.get("user_api_key_team_id"),
    }
    own = _mapping(about.get("requester_metadata"))
    return row | {name: own[name] for name in _OWN.intersection(own)}


def _mapping(value: object) -> Value:
    return value if isinstance(value, Mapping) else {}


def _hides(messages: object) -> bool:
    turns = messages if isinstance(messages, list) else []
    return any(isinstance(one, Mapping) and one.get("content") == _HIDDEN for one in turns)


def exchange(request: Value, response: Value) -> dict[str, Any]:
    """Return prompt, answer and conversation, with what the response says of tokens and its end.

    NoRowError says why a request and its response are no single question with its answer.
    """
    choices = response.get("choices")
    if isinstance(choices, list) and len(choices) > 1:
        raise NoRowError("several answers to one request")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise NoRowError("a response without an answer")
    counts = _mapping(response.get("usage"))
    turns = _conversation(request)
    return {
        "prompt": turns[-1]["content"],
        "answer": _answer(choices[0]),
        "messages": turns if len(turns) > 1 else None,
        "finish_reason": choices[0].get("finish_reason"),
        "prompt_tokens": counts.get("prompt_tokens", counts.get("input_tokens")),
        "answer_tokens": counts.get("completion_tokens", counts.get("output_tokens")),
    }


def _conversation(request: Value) -> list[dict[str, str]]:
    messages = request.get("messages")
    if messages is None and "prompt" in request:
        if not isinstance(request["prompt"], str):
            raise NoRowError("several prompts, or one of token ids, in one request")
        return [{"role": "user", "content": request["prompt"]}]
    if not isinstance(messages, list) or not messages:
        raise NoRowError(NO_CHAT)
    turns = [_turn(one) for one in messages]
    if turns[-1]["role"] != "user":
        raise NoRowError("a conversation that does not end with a question")
    return turns


def _turn(one: object) -> dict[str, str]:
    if not isinstance(one, Mapping):
        raise NoRowError("a message that is none")
    if one.get("role") in ("tool", "function") or one.get("tool_calls") or one.get("function_call"):
        raise NoRowError(TOOLS)
    role = _ROLES.get(str(one.get("role")))
    if role is None:
        raise NoRowError("a message of an unknown role")
    return {"role": role, "content": _content(one.get("content"))}


def _content(value: object) -> str:
    if isinstance(value, list):
        kinds = {one.get("type") if isinstance(one, Mapping) else None for one in value}
        if not kinds <= {"text", "input_text", "output_text"}:
            raise NoRowError("a message with more than text")
        value = "\n".join(str(one.get("text", "")) for one in value)
    if not isinstance(value, str) or not value.strip():
        raise NoRowError("a message without text")
    return value


def _answer(choice: Value) -> str:
    if isinstance(choice.get("text"), str):
        return choice["text"]
    if "delta" in choice:
        raise NoRowError("a piece of a stream")
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise NoRowError("a response without an answer")
    if message.get("tool_calls") or message.get("function_call"):
        raise NoRowError("an answer that calls a tool")
    said = message.get("content")
    if said is None:
        said = message.get("refusal") or ""
    return said if said == "" else _content(said)


def _object(value: Value, names: tuple[str, ...]) -> Value:
    """Return the object under one of the names; servers write it as text, too."""
    found = _first(value, names)
    if isinstance(found, str):
        try:
            found = from_json(found, allow_inf_nan=False)
        except ValueError:
            raise NoRowError("a request or response that is no JSON") from None
    if isinstance(found, list):
        raise NoRowError("a piece of a stream")
    if not isinstance(found, Mapping):
        raise NoRowError(NO_CHAT)
    inner = found.get("body")  # OpenAI's batches: {"status_code": 200, "body": {…}}
    return inner if isinstance(inner, Mapping) else found


def _first(value: Value, names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _between(began: object, ended: object) -> float | None:
    numbers = isinstance(began, int | float) and isinstance(ended, int | float)
    return float(str(ended)) - float(str(began)) if numbers else None
