"""What the gateway wrote of a request, put together as a row of the inference log.

Two things: a line of its access log (when, how long, which arm, which code), and the file with the
request and the answer as they went over the wire, whole or as a stream of pieces. Pure: bytes in,
a row out, or the reason why there is none, in words that quote nothing of it. Unredacted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from data_contracts.inference_log import LogRow, read_row
from tasks.inference_log.chat_rows import as_row
from tasks.serving.gateway.arms import SMALL, SMALL_ENGINES
from tasks.serving.gateway.counted import REQUEST, TENANT, USER
from tasks.serving.gateway.faults import DELAYED
from tasks.serving.specification import Specification

CUT = "longer than log.largest"
UNREAD = "not to be read as a request and its answer"
_VARIANTS = {
    **{"stable": "champion", "baseline": "baseline", "canary": "canary"},
    **{SMALL: "small", SMALL_ENGINES: "small"},
}
HUNG_UP = "the client hung up"
_REFUSED_WITH = "refused with"
_REFUSED = 400, 500  # codes of a request that the client must change
_GOOD = range(200, 300)
_NONE = ("-", "", DELAYED)  # flags of the gateway that tell of no failure


class Access(BaseModel):
    """A line of the gateway's access log; waits in ms, None where no engine answered.

    `arm` is where a request went, `engine` whose engine answered: the champion's may, where the
    small model's are not well.
    """

    id: str
    time: datetime
    path: str = ""
    code: int
    flags: str = "-"
    arm: str | None = None
    engine: str | None = None
    tenant: str | None = None
    ms: float | None = None
    first_byte_ms: float | None = None


class Exchange(NamedTuple):
    """A request and its answer; `cut` tells that one of them is not whole.

    `user` says whose requests belong together while an experiment counts; no row has it.
    """

    id: str
    request: dict[str, Any]
    response: dict[str, Any]
    streamed: bool
    cut: bool
    code: int = 0
    tenant: str = ""
    user: str = ""

    def without_line(self, ended: datetime) -> Access:
        """Return what is known where the access log lost its line: no waits, and not which arm."""
        tenant = self.tenant or None
        return Access(id=self.id, time=ended, code=self.code, tenant=tenant)


def read_access(line: bytes) -> Access | None:
    """Return a line, or None if it is none."""
    try:
        return Access.model_validate_json(line)
    except ValidationError:
        return None


def read_exchange(data: bytes) -> Exchange | str:
    """Return what a capture holds; ValueError if it is not whole yet, a text if it is none."""
    trace = json.loads(data)["http_buffered_trace"]
    request, response = trace.get("request"), trace.get("response") or {}
    if not request:
        return UNREAD
    headers = _headers(request)
    asked, answered = request.get("body") or {}, response.get("body") or {}
    try:
        body = json.loads(asked.get("as_string") or "null")
        text = answered.get("as_string") or ""
        streamed = text.startswith("data:")
        said = from_stream(text) if streamed else json.loads(text or "{}")
    except ValueError:
        cut = bool(asked.get("truncated") or answered.get("truncated"))
        return CUT if cut else UNREAD
    if not isinstance(body, dict) or not isinstance(said, dict) or not headers.get(REQUEST):
        return UNREAD
    cut = bool(asked.get("truncated") or answered.get("truncated"))
    code = _headers(response).get(":status", "0")
    tenant, user = headers.get(TENANT, ""), headers.get(USER, "")
    return Exchange(headers[REQUEST], body, said, streamed, cut, int(code), tenant, user)


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    return {entry["key"]: entry.get("value", "") for entry in message.get("headers", [])}


def from_stream(text: str) -> dict[str, Any]:
    """Return an answer that came in pieces, as it would have come whole.

    ValueError if a piece is not JSON. Where it tells no usage, llama.cpp's own timings do.
    """
    whole: dict[str, Any] = {}
    content: list[str] = []
    choice: dict[str, Any] = {"index": 0, "finish_reason": None}
    for line in text.splitlines():
        piece = line.removeprefix("data:").strip()
        if not line.startswith("data:") or piece == "[DONE]":
            continue
        told = json.loads(piece)
        whole |= {
            key: told[key] for key in ("id", "model", "usage", "timings", "error") if told.get(key)
        }
        for one in told.get("choices") or ():
            content.append((one.get("delta") or {}).get("content") or one.get("text") or "")
            choice["finish_reason"] = one.get("finish_reason") or choice["finish_reason"]
    choice["message"] = {"role": "assistant", "content": "".join(content)}
    return {**whole, "choices": [choice]}


def row_of(
    specification: Specification,
    access: Access,
    exchange: Exchange,
    weights: Mapping[str, str],
) -> LogRow | str:
    """Return the row; `weights` are the digests of what is served, by the name it answers under.

    A request that an engine failed is a row too, with an empty answer. One that the client must
    send otherwise is none.
    """
    refused = _why_none(access, exchange)
    if refused:
        return refused
    # Of an answer that had begun, only the flags tell that its engine was lost.
    failed = access.code not in _GOOD or "error" in exchange.response or access.flags not in _NONE
    response = _nothing(specification.name) if failed else exchange.response
    model = str(response.get("model") or specification.name)
    ours = {
        **_of_access(specification, access, streamed=exchange.streamed),
        **_of_timings(response),
        "id": access.id,
        "model": model,
        "weights": weights.get(model),
    }
    told = {name: value for name, value in ours.items() if value is not None}
    value = as_row({"request": exchange.request, "response": response, **told})
    return read_row(value) if isinstance(value, dict) else value


def tokens_taken(found: LogRow | str) -> int | None:
    """Return the tokens that a request took, of its row or the reason why it has none.

    0 where the user got nothing for it; None where nobody knows: a client that hung up, say.
    """
    if isinstance(found, str):
        return 0 if found.startswith(_REFUSED_WITH) else None
    if not found.answer:
        return 0
    if found.prompt_tokens is None or found.answer_tokens is None:
        return None
    return found.prompt_tokens + found.answer_tokens


def _why_none(access: Access, exchange: Exchange) -> str:
    if _REFUSED[0] <= access.code < _REFUSED[1]:
        return f"{_REFUSED_WITH} {access.code}"
    if access.flags.startswith("DC"):
        return HUNG_UP
    return CUT if exchange.cut else ""


def _of_access(specification: Specification, access: Access, *, streamed: bool) -> dict[str, Any]:
    """Return when it was, how long it took, for whom, and which share of an hour's price it is."""
    ended = access.time.astimezone(UTC) + timedelta(milliseconds=access.ms or 0)
    found: dict[str, Any] = {
        "time": ended.isoformat(),
        "tenant": access.tenant or None,
        "variant": _VARIANTS.get(_answered(access)),
    }
    if access.ms is None:
        return found
    found["seconds"] = access.ms / 1000
    if streamed and access.first_byte_ms is not None:
        found["first_token_seconds"] = min(access.first_byte_ms, access.ms) / 1000
    if specification.prices.hour:
        hours = access.ms / 3_600_000 / _slots(specification, access)
        found["cost"] = hours * specification.prices.hour
    return found


def _answered(access: Access) -> str:
    """Return the arm whose engine answered; of an older line, where the request went."""
    return (access.engine if access.arm == SMALL else None) or access.arm or ""


def _slots(specification: Specification, access: Access) -> int:
    """Return how many requests the process batches whose hour an answer has a share of."""
    routing = specification.router
    small = _VARIANTS.get(_answered(access)) == "small"
    engine = routing.engine if routing and small else None
    return (engine or specification.engine).slots


def _of_timings(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tokens of an answer in pieces, which llama.cpp tells in its timings alone."""
    timings = response.get("timings")
    if "usage" in response or not isinstance(timings, Mapping):
        return {}
    prompt = int(timings.get("prompt_n", 0)) + int(timings.get("cache_n", 0))
    return {"prompt_tokens": prompt, "answer_tokens": int(timings.get("predicted_n", 0))}


def _nothing(name: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": ""}
    return {"model": name, "choices": [{"message": message, "finish_reason": "error"}]}
