"""Rows of other logs: what is understood, what is not and why, and each of them once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, read_row
from tasks.inference_log.chat_rows import as_row
from tasks.inference_log.days import complete_days, remove_raw, seal_day
from tasks.inference_log.files import Entry
from tasks.inference_log.importing import Imported, Target, file_entries, import_rows
from tasks.inference_log.items import read_items
from tasks.inference_log.places import log_files
from tasks.inference_log.sealed import read_sealed
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs

AT = 1772373791  # 2026-03-01T14:03:11Z
Make = Callable[..., dict[str, Any]]


def pair(number: int = 1, messages: Any = None, message: Any = None, **more: Any) -> dict[str, Any]:
    """Return a request of the OpenAI API beside its response, as a proxy logs them."""
    asked = messages or [{"role": "user", "content": f"What does {number} cost?"}]
    said = message or {"role": "assistant", "content": "5 euros."}
    return {
        "request": {"model": "desk", "messages": asked},
        "response": {
            "id": f"chatcmpl-{number}",
            "created": AT,
            "model": "desk",
            "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        },
        **more,
    }


def payload(**more: Any) -> dict[str, Any]:
    """Return a StandardLoggingPayload, as LiteLLM's callbacks get it."""
    return {
        "id": "litellm-1",
        "call_type": "acompletion",
        "status": "success",
        "model": "hosted_vllm/meta/desk",
        "model_group": "desk",
        "messages": [{"role": "user", "content": "What does it cost?"}],
        "response": pair()["response"],
        "startTime": AT - 1.5,
        "endTime": float(AT),
        "completionStartTime": AT - 1.0,
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "response_cost": 0.0004,
        "metadata": {
            "user_api_key_team_id": "team-7",
            "requester_metadata": {"consent": "yes", "variant": "canary"},
        },
        **more,
    }


def bring(store: LocalStore, tmp_path: Path, values: Any, **target: Any) -> Imported:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    found = import_rows(store, Target("desk", **target), values, Imported(), scratch)
    refused = sum(found.refused.values())
    assert found.rows == found.new + found.known + found.repeated + refused
    return found


def rows_in(store: LocalStore, tmp_path: Path) -> dict[str, LogRow]:
    items = read_items(store, list(log_files(store, "desk")), tmp_path)
    return {item.identity: item.row for item in items if item.row}


def test_a_request_beside_its_response_is_a_row_with_all_it_says() -> None:
    turns = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "A tent?"}]},
        {"role": "assistant", "content": "89 euros."},
        {"role": "user", "content": "And a stove?"},
    ]
    row = read_row(as_row(pair(messages=turns, tenant="t1", thumbs="up", consent=True)))  # type: ignore
    assert isinstance(row, LogRow)
    assert (row.id, row.prompt, row.answer) == ("chatcmpl-1", "And a stove?", "5 euros.")
    assert row.time == datetime.fromtimestamp(AT, UTC)
    assert [turn.role for turn in row.messages] == ["system", "user", "assistant", "user"]
    assert (row.prompt_tokens, row.answer_tokens, row.finish_reason) == (7, 3, "stop")
    assert (row.tenant, row.consent) == ("t1", True)
    written = pair() | {"request": json.dumps(pair()["request"]), "id": "gw-1", "time": AT + 5}
    row = read_row(as_row(written))  # type: ignore
    assert isinstance(row, LogRow)
    assert (row.id, row.messages, row.time.second) == ("gw-1", (), 16)


def test_litellms_payload_is_a_row() -> None:
    row = read_row(as_row(payload()))  # type: ignore
    assert isinstance(row, LogRow)
    assert (row.id, row.model, row.tenant, row.variant) == ("litellm-1", "desk", "team-7", "canary")
    assert (row.seconds, row.first_token_seconds, row.cost) == (1.5, 0.5, 0.0004)
    assert (row.consent, row.answer) == (True, "5 euros.")
    plain = read_row(as_row(payload(response="6 euros.", completionStartTime=float(AT))))  # type: ignore
    assert isinstance(plain, LogRow)
    assert (plain.answer, plain.first_token_seconds) == ("6 euros.", None)


TOOL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (pair(messages=[{"role": "tool", "content": "x"}]), "a conversation with tools"),
        (pair(message=TOOL), "an answer that calls a tool"),
        (
            pair(messages=[{"role": "user", "content": [{"type": "image_url"}]}]),
            "a message with more than text",
        ),
        (pair(messages=[{"role": "user", "content": " "}]), "a message without text"),
        (pair(messages=[{"role": "critic", "content": "x"}]), "a message of an unknown role"),
        (
            pair(
                messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
            ),
            "a conversation that does not end with a question",
        ),
        (pair(error={"code": 500}), "a request that failed"),
        (pair() | {"response": {"error": {"message": "x"}}}, "a request that failed"),
        (pair() | {"response": {"choices": [{}, {}]}}, "several answers to one request"),
        (pair() | {"response": {"choices": []}}, "a response without an answer"),
        (pair() | {"response": {"choices": [{"delta": {"content": "x"}}]}}, "a piece of a stream"),
        (pair() | {"response": [{"choices": []}]}, "a piece of a stream"),
        (pair() | {"response": "not json"}, "a request or response that is no JSON"),
        (
            pair() | {"request": {"model": "desk", "prompt": ["a", "b"]}},
            "several prompts, or one of token ids, in one request",
        ),
        ({"request": {"input": "x"}, "response": {"data": []}}, "a response without an answer"),
        ({"level": "info"}, "no request of a chat, nor of a completion"),
        (payload(status="failure"), "a request that failed"),
        (payload(call_type="aembedding"), "no request of a chat, nor of a completion"),
        (
            payload(response="redacted-by-litellm"),
            "what was said is not in the log: the proxy leaves it out",
        ),
        (payload(response=None), "a response that is none of a chat"),
    ],
)
def test_what_is_no_row_has_its_own_reason(value: dict[str, Any], reason: str) -> None:
    assert as_row(value) == reason


def test_importing_twice_brings_nothing_twice_and_leaves_servings_files_alone(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Callable[..., None]
) -> None:
    write_log(store, "2026-03-01T14.jsonl", row(1))
    before = store.read("inference/desk/2026-03-01T14.jsonl")
    values = [as_row(pair(number)) for number in range(5)]
    values += [as_row(pair(0)), "bad JSON", as_row(pair(9) | {"time": AT + 7200})]
    first = bring(store, tmp_path, values)
    assert (first.new, first.repeated, first.windows) == (
        *(6, 1),
        {"2026-03-01T14", "2026-03-01T16"},
    )
    assert first.unversioned == 6
    again = bring(store, tmp_path, values)
    assert (again.new, again.known) == (0, 6)
    more = bring(store, tmp_path, [*values, as_row(pair(7)), as_row(pair(1, thumbs="down"))])
    assert (more.new, more.known) == (2, 6)
    assert store.read("inference/desk/2026-03-01T14.jsonl") == before
    assert len(rows_in(store, tmp_path)) == 8
    last = bring(store, tmp_path, [*values, as_row(pair(7)), as_row(pair(1, thumbs="down"))])
    assert last.new == 0


def test_a_day_that_is_sealed_and_whose_files_are_gone_takes_nothing_twice(
    store: LocalStore, tmp_path: Path
) -> None:
    values = [as_row(pair(number, thumbs="up")) for number in range(3)] + [as_row(pair(5))]
    bring(store, tmp_path, values, version="3")
    now = datetime(2026, 3, 5, tzinfo=UTC)
    for day in complete_days(store, "desk", now, timedelta(0)):
        done = seal_day(Outputs(store, tmp_path / "w"), day, {}, _Untouched)
        assert remove_raw(store, done.day, now, 0) == 1
    assert bring(store, tmp_path, values, version="3").new == 0
    late = bring(store, tmp_path, [as_row(pair(8))], version="3")
    assert late.new == 1
    for day in complete_days(store, "desk", now, timedelta(0)):
        seal_day(Outputs(store, tmp_path / "w"), day, {}, _Untouched)
    sealed = read_sealed(store, "desk", "2026-03-01")
    assert sealed is not None
    assert (sealed.version, sealed.counts.kept, sealed.counts.duplicates) == (2, 5, 0)


class _Untouched:
    def redact_records(self, records: Any) -> list[Any]:
        from collections import Counter
        from types import SimpleNamespace

        return [
            SimpleNamespace(texts=list(texts), kinds=Counter[str](), dropped_for=None, unread="")
            for texts in records
        ]


def test_whose_rows_they_are_is_told(store: LocalStore, tmp_path: Path) -> None:
    other = pair(1) | {"model": "desk-2"}
    named = pair(2) | {"model": "desk/4"}
    served = pair(3) | {"model": "meta/llama"}
    found = bring(store, tmp_path, [as_row(one) for one in (other, named, served)])
    assert (found.new, found.refused) == (1, {"of another model": 2})
    found = bring(store, tmp_path, [as_row(served)], served_as=("meta/llama",), version="7")
    assert found.new == 1
    rows = rows_in(store, tmp_path)
    assert {(row.model, row.version) for row in rows.values()} == {("desk/4", ""), ("desk", "7")}


def test_files_are_read_packed_and_in_folders_and_others_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    (folder / "a").mkdir(parents=True)
    line = json.dumps(pair()).encode() + b"\n"
    (folder / "a/one.jsonl.gz").write_bytes(gzip.compress(line + b"{torn"))
    (folder / "two.ndjson").write_bytes(line)
    (folder / "readme.txt").write_text("no rows")
    found = Imported()
    entries = list(file_entries(LocalStore(folder), "", found, tmp_path))
    assert [entry.reason for entry in entries] == [
        "",
        "last line unfinished (still being written)",
        "",
    ]
    assert found.unread_files == 1
    assert isinstance(entries[0], Entry)
