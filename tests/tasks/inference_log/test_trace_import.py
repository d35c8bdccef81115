"""Traces that MLflow's own tracing wrote, on a real server, become rows of the log, each once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow
from model_registry.served_traces import read_traces
from model_registry.tracking import Registry, open_registry
from tasks.inference_log.importing import Imported, Target, import_rows
from tasks.inference_log.items import read_items
from tasks.inference_log.places import log_files
from tasks.inference_log.trace_rows import as_row
from tasks.storage.objects import LocalStore
from tests.registry_fixtures import registry_fixtures

_fixtures = registry_fixtures("registry_of_trace_import")
empty_database, start_server = _fixtures.empty_database, _fixtures.start_server


@pytest.fixture(scope="module")
def traced(start_server: Callable[..., str]) -> Generator[Registry]:
    """Return a server on which an application traced what it served, and people said of it."""
    import mlflow
    from mlflow.entities import AssessmentSource, SpanType

    address = start_server()
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(address)
    mlflow.set_experiment("served")

    def answer(text: str) -> dict[str, Any]:
        said = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
        return {"object": "chat.completion", "model": "desk", "choices": choices, "usage": usage}

    @mlflow.trace(span_type=SpanType.CHAT_MODEL)
    def chat(messages: Any, model: str) -> Any:
        return answer("30 days.")

    @mlflow.trace(span_type=SpanType.CHAIN)
    def plain(question: str) -> str:
        chat([{"role": "user", "content": question}], "desk")
        return "30 days, I think."

    @mlflow.trace(span_type=SpanType.TOOL)
    def search(query: str) -> str:
        return query

    @mlflow.trace
    def agent(question: str) -> str:
        return search(question)

    @mlflow.trace
    def fails(question: str) -> str:
        raise ValueError(question)

    @mlflow.trace
    def adds(one: int, two: int) -> int:
        return one + two

    turns = [("user", "A tent?"), ("assistant", "89 euros."), ("user", "How long?")]
    ids: list[str] = []
    for call in (
        lambda: chat([{"role": role, "content": text} for role, text in turns], "desk"),
        lambda: plain("How long?"),
        lambda: agent("How long?"),
        lambda: adds(1, 2),
        lambda: fails("How long?"),
    ):
        with suppress(ValueError):
            call()
        ids.append(str(mlflow.get_last_active_trace_id()))
    mlflow.flush_trace_async_logging()
    person = AssessmentSource(source_type="HUMAN", source_id="bob")
    judge = AssessmentSource(source_type="LLM_JUDGE", source_id="judge")
    mlflow.log_feedback(
        trace_id=ids[0], name="thumbs", value=False, rationale="It is 31.", source=person
    )
    mlflow.log_feedback(trace_id=ids[0], name="grounded", value=True, source=judge)
    mlflow.log_expectation(
        trace_id=ids[0], name="expected_response", value="31 days.", source=person
    )
    for name, value in (("tenant", "t1"), ("consent", "yes"), ("version", "3")):
        mlflow.set_trace_tag(ids[0], name, value)
    mlflow.set_trace_tag(ids[1], "model", "desk")
    yield open_registry(address)
    mlflow.set_tracking_uri(before)


def test_traces_are_rows_with_what_people_said_of_them(
    traced: Registry, store: LocalStore, tmp_path: Path
) -> None:
    found = import_rows(
        store, Target("desk"), map(as_row, read_traces(traced, "served")), Imported(), tmp_path
    )
    assert (found.rows, found.new) == (5, 2)
    assert found.refused == {
        "a conversation with tools": 1,
        "a request that failed": 1,
        "a trace without one plain question": 1,
    }
    items = read_items(store, list(log_files(store, "desk")), tmp_path)
    rows = [item.row for item in items if isinstance(item.row, LogRow)]
    chat, plain = sorted(rows, key=lambda row: len(row.answer))  # both may begin in one ms
    assert (chat.prompt, chat.answer, len(chat.messages)) == ("How long?", "30 days.", 3)
    assert (chat.tenant, chat.consent, chat.version) == ("t1", True, "3")
    assert (chat.prompt_tokens, chat.answer_tokens, chat.finish_reason) == (5, 2, "stop")
    assert chat.feedback is not None
    assert (chat.feedback.good, chat.feedback.corrected) == (0.0, "31 days.")
    assert (plain.answer, plain.feedback, plain.version) == ("30 days, I think.", None, "")
    assert chat.seconds is not None
    again = import_rows(
        store, Target("desk"), map(as_row, read_traces(traced, "served")), Imported(), tmp_path
    )
    assert (again.new, again.known) == (0, 2)


def test_every_page_is_read(traced: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(read_traces(traced, "served"))
    monkeypatch.setattr("model_registry.served_traces.PAGE", 2)
    assert list(read_traces(traced, "served")) == whole
    begun = [one["time"] - round(one["seconds"] * 1000) for one in whole]  # they end in any order
    assert begun == sorted(begun)


def test_an_experiment_that_is_not_there_is_said(traced: Registry) -> None:
    with pytest.raises(InputError, match="no such experiment"):
        list(read_traces(traced, "elsewhere"))


def test_a_trace_whose_spans_are_gone_is_counted() -> None:
    trace = {"state": "OK", "spans": None, "metadata": {}, "tags": {}}
    assert as_row(trace) == "a trace whose spans are gone"
    assert as_row(trace | {"state": "IN_PROGRESS"}) == "a trace that has not ended"
