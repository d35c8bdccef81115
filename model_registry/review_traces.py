"""Traces that show people something to judge.

Needs a Registry. Writes traces whose id follows from the experiment and the item's key, so that
the same item written twice is one item.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from data_contracts.placeholders import PLACEHOLDER
from data_contracts.records import Frozen
from model_registry.tracking import Registry

# The Review tab shows the previews alone; a PostgreSQL column holds no more of them.
PREVIEW_LENGTH = 1000
_FACT = "paddock."
# Our placeholders (<PERSON_1>) are no HTML: a name of a tag has no underscore.
_TAG = re.compile(rf"(?!{PLACEHOLDER})<(?=[A-Za-z/!?])")


class Item(Frozen):
    """What a reviewer sees. `key` is its identity in the experiment.

    The Review tab shows `asked` (or, without it, `request`) and `summary` (or `response`), each cut
    at 1,000 characters; the whole is behind its "View full trace". All are Markdown.
    """

    key: str
    title: str
    request: str
    response: str
    summary: str = ""
    asked: str = ""
    facts: dict[str, str] = Field(default_factory=dict)


def write_traces(registry: Registry, experiment: str, items: Sequence[Item]) -> None:
    """Write a trace for each item of an experiment (by id)."""
    now = time.time_ns()
    for item in items:
        registry.store.start_trace(_trace_info(experiment, item, now))
    registry.store.log_spans(experiment, [_span(experiment, item, now) for item in items])


def harmless(text: str) -> str:
    """Keep somebody's words from being a picture or a tag in a reader's browser.

    A space is seen as such whether a page shows text or Markdown; entities are not. Our
    placeholders stay as they are.
    """
    return _TAG.sub("< ", text.replace("![", "! ["))


def marked_cut(text: str, length: int) -> str:
    """Return a text that fits; one that did not says that it is cut, and where all of it is."""
    if len(text) <= length:
        return text
    mark = " … *({} of {:,} characters: **View full trace** has all)*"
    room = max(0, length - len(mark.format(f"{length:,}", len(text))))
    # Not into the middle of a placeholder or a word, if there is a space to cut at.
    kept = text[:room].rsplit(None, 1)[0] if " " in text[:room].strip() else text[:room]
    return kept + mark.format(f"{len(kept):,}", len(text))


def trace_id(experiment: str, key: str) -> str:
    """Return the id of the trace that shows an item in an experiment (by id)."""
    return f"tr-{_identity(experiment, key)[:32]}"


def item_facts(info: Any) -> dict[str, str]:
    """Return the facts of the item that a trace shows, from the trace's info."""
    entries = dict(info.trace_metadata or {}).items()
    return {key.removeprefix(_FACT): str(value) for key, value in entries if key.startswith(_FACT)}


def shows(registry: Registry, experiment: str, item: Item) -> bool:
    """Tell whether a trace shows people what the item says, in the Review tab and behind it."""
    trace = registry.store.get_trace(trace_id(experiment, item.key))
    span = trace.data.spans[0] if trace.data.spans else None
    return (
        span is not None
        and (span.inputs, span.outputs) == (item.request, item.response)
        and _same_lines((trace.info.request_preview, trace.info.response_preview), _previews(item))
    )


def _same_lines(shown: Sequence[str | None], said: Sequence[str]) -> bool:
    # Summaries of before dossiers had one order list the same lines in another.
    def lines(text: str | None) -> list[str]:
        return sorted((text or "").splitlines())

    return [lines(text) for text in shown] == [lines(text) for text in said]


def _identity(experiment: str, key: str) -> str:
    # Trace ids are one space for the whole server, so the experiment is part of them.
    return hashlib.sha256(f"{experiment}\n{key}".encode()).hexdigest()


def _previews(item: Item) -> tuple[str, str]:
    return _cut(item.asked or item.request), _cut(item.summary or item.response)


def _cut(text: str) -> str:
    return text if len(text) <= PREVIEW_LENGTH else f"{text[: PREVIEW_LENGTH - 1]}…"


def _trace_info(experiment: str, item: Item, now: int) -> Any:
    from mlflow.entities import TraceInfo, TraceLocation, TraceState

    request, response = _previews(item)
    return TraceInfo(
        trace_id=trace_id(experiment, item.key),
        trace_location=TraceLocation.from_experiment_id(experiment),
        request_time=now // 1_000_000,
        state=TraceState.OK,
        execution_duration=0,
        request_preview=request,
        response_preview=response,
        tags={"mlflow.traceName": item.title},
        trace_metadata={f"{_FACT}{key}": value[:250] for key, value in item.facts.items()},
    )


def _span(experiment: str, item: Item, now: int) -> Any:
    from mlflow.entities.span import Span

    identity = _identity(experiment, item.key)
    values = {
        "mlflow.traceRequestId": trace_id(experiment, item.key),
        "mlflow.spanInputs": item.request,
        "mlflow.spanOutputs": item.response,
        "mlflow.spanType": "CHAT_MODEL",
    }
    return Span.from_dict(
        {
            # Base64, as MLflow writes spans: it takes hexadecimal digits for base64 as well.
            "trace_id": b64encode(bytes.fromhex(identity[:32])).decode(),
            "span_id": b64encode(bytes.fromhex(identity[32:48])).decode(),
            "parent_span_id": None,
            "name": item.title,
            "start_time_unix_nano": now,
            "end_time_unix_nano": now,
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {key: json.dumps(value) for key, value in values.items()},
            "events": [],
        }
    )
