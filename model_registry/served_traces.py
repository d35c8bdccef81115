"""Traces of served requests, read as plain values: the door for logs that MLflow's tracing wrote.

Needs a Registry. Pages through the traces' infos and fetches their spans apart: MLflow's own search
leaves out, with a warning, a trace whose spans it cannot load. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_contracts.errors import InputError
from model_registry.tracking import Registry

PAGE = 100


def read_traces(registry: Registry, experiment: str) -> Iterator[dict[str, Any]]:
    """Yield each trace of an experiment (by name), first begun first; InputError if there is none.

    A trace has `id`, `state`, `time` (its end, in milliseconds since 1970), `seconds`, `tags`,
    `metadata`, `spans` (None where they cannot be had) and `assessments`.
    """
    place = registry.find_experiment(experiment)
    if place is None:
        raise InputError(
            "there is no such experiment",
            step="log import",
            where=f"mlflow://{experiment}",
            remedy="name an experiment of this MLflow: mlflow://NAME",
        )
    token: str | None = None
    while True:
        infos, token = registry.store.search_traces(
            locations=[place], max_results=PAGE, order_by=["timestamp_ms ASC"], page_token=token
        )
        whole = {
            trace.info.trace_id: trace
            for trace in registry.store.batch_get_traces([one.trace_id for one in infos])
        }
        for info in infos:
            yield _plain(info, whole.get(info.trace_id))
        if not token:
            return


def _plain(info: Any, trace: Any) -> dict[str, Any]:
    took = info.execution_duration or 0
    return {
        "id": str(info.trace_id),
        "state": str(getattr(info.state, "value", info.state)),
        "time": int(info.request_time) + int(took),
        "seconds": took / 1000,
        "tags": dict(info.tags or {}),
        "metadata": dict(info.trace_metadata or {}),
        "spans": [_span(one) for one in trace.data.spans] if trace and trace.data.spans else None,
        "assessments": [
            _assessment(one) for one in info.assessments or () if one.valid is not False
        ],
    }


def _span(span: Any) -> dict[str, Any]:
    return {
        "type": str(span.span_type or ""),
        "root": span.parent_id is None,
        "inputs": span.inputs,
        "outputs": span.outputs,
        "usage": span.attributes.get("mlflow.chat.tokenUsage"),
        "model": span.attributes.get("mlflow.llm.model"),
    }


def _assessment(one: Any) -> dict[str, Any]:
    said = one.feedback or one.expectation
    return {
        "name": str(one.name),
        "by_person": one.source.source_type == "HUMAN",
        "expected": one.expectation is not None,
        "value": said.value if said else None,
        "rationale": one.rationale or "",
    }
