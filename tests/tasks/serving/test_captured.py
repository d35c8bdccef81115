"""Rows from what the gateway wrote: whole answers, pieces, failures, what is no row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.inference_log import LogRow
from tasks.serving import captured
from tasks.serving.captured import Access, Exchange, from_stream, read_exchange, row_of
from tasks.serving.specification import Engine, Routing, Specification

DESK = Specification.model_validate({"name": "desk", "prices": {"hour": 7.2}})
ASKED = {"messages": [{"role": "user", "content": "How much is it?"}]}


def whole(text: str = "It is 3.", **more: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 4}
    return {"model": "desk/3", "choices": [choice], "usage": usage, **more}


def access(**changed: Any) -> Access:
    given = {"id": "r-1", "time": "2026-11-02T10:00:00Z", "code": 200, "arm": "stable", "ms": 2000}
    return Access.model_validate(given | {"first_byte_ms": 500} | changed)


def capture(request: object, answer: str, code: int = 200, cut: bool = False) -> bytes:
    def message(body: str, **headers: str) -> dict[str, Any]:
        listed = [{"key": name, "value": value} for name, value in headers.items()]
        return {"headers": listed, "body": {"as_string": body, "truncated": cut}}

    text = request if isinstance(request, str) else json.dumps(request)
    asked = message(text, **{"x-request-id": "r-1", "x-tenant": "acme"})
    answered = message(answer, **{":status": str(code)})
    return json.dumps({"http_buffered_trace": {"request": asked, "response": answered}}).encode()


def row(exchange: Exchange | str, line: Access | None = None) -> LogRow | str:
    assert isinstance(exchange, Exchange)
    return row_of(DESK, line or access(), exchange, {"desk/3": "a" * 64})


def test_a_whole_answer() -> None:
    found = row(read_exchange(capture(ASKED, json.dumps(whole()))))
    assert isinstance(found, LogRow)
    assert (found.prompt, found.answer, found.model) == ("How much is it?", "It is 3.", "desk/3")
    assert (found.prompt_tokens, found.answer_tokens, found.finish_reason) == (5, 4, "stop")
    assert (found.seconds, found.first_token_seconds) == (2.0, None)
    assert found.cost == pytest.approx(7.2 * 2 / 3600 / DESK.engine.slots)
    assert found.time == datetime(2026, 11, 2, 10, 0, 2, tzinfo=UTC)
    assert (found.weights, found.variant) == ("a" * 64, "champion")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_pieces_come_together_as_they_were_said(parts: list[str]) -> None:
    pieces = [
        {"model": "desk/3", "choices": [{"index": 0, "delta": {"content": p}}]} for p in parts
    ]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    last["timings"] = {"prompt_n": 2, "cache_n": 30, "predicted_n": 6}  # pyright: ignore
    lines = [f"data: {json.dumps(piece)}\n\n" for piece in [*pieces, last]] + ["data: [DONE]\n\n"]
    said = from_stream("".join(lines))
    assert said["choices"][0]["message"]["content"] == "".join(parts)
    exchange = read_exchange(capture({**ASKED, "stream": True}, "".join(lines)))
    found = row(exchange)
    if "".join(parts).strip():
        assert isinstance(found, LogRow)
        assert (found.prompt_tokens, found.answer_tokens) == (32, 6)
        assert (found.first_token_seconds, found.finish_reason) == (0.5, "length")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"code": 503, "arm": None}, "{}"),
        ({"code": 500}, json.dumps({"error": {"message": "no"}})),
        ({"flags": "UC"}, json.dumps(whole())),
    ],
)
def test_what_an_engine_failed_is_a_row_without_an_answer(
    changed: dict[str, Any], answer: str
) -> None:
    found = row(read_exchange(capture(ASKED, answer)), access(**changed))
    assert isinstance(found, LogRow)
    assert (found.answer, found.finish_reason) == ("", "error")
    assert found.prompt == "How much is it?"


@pytest.mark.parametrize(
    ("changed", "data", "reason"),
    [
        ({"code": 400}, capture(ASKED, "{}", 400), "refused with 400"),
        ({"code": 429}, capture(ASKED, "{}", 429), "refused with 429"),
        ({"flags": "DC", "code": 0}, capture(ASKED, "{}"), captured.HUNG_UP),
        ({}, capture(ASKED, json.dumps(whole()), cut=True), captured.CUT),
        ({}, capture({"input": "embed me"}, json.dumps(whole())), "no request of a chat"),
        ({}, capture(ASKED, json.dumps(whole(choices=[]))), "a response without an answer"),
    ],
)
def test_what_is_no_row_says_why(changed: dict[str, Any], data: bytes, reason: str) -> None:
    found = row(read_exchange(data), access(**changed))
    assert isinstance(found, str)
    assert found.startswith(reason)
    assert "embed me" not in found


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (capture('{"messages": [', "{}", cut=True), captured.CUT),
        (capture("not json", "{}"), captured.UNREAD),
        (capture("[1]", "{}"), captured.UNREAD),
        (b'{"http_buffered_trace": {"response": {}}}', captured.UNREAD),
    ],
)
def test_a_capture_that_cannot_be_read_is_a_reason(data: bytes, reason: str) -> None:
    assert read_exchange(data) == reason


def test_half_a_capture_is_not_there_yet() -> None:
    data = capture(ASKED, json.dumps(whole()))
    for end in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError, match=""):
            read_exchange(data[:end])


def test_a_row_says_whose_engine_answered_what_was_sent_to_the_small_model() -> None:
    exchange = read_exchange(capture(ASKED, json.dumps(whole())))
    for engine, variant in (("small-engines", "small"), ("stable", "champion"), (None, "small")):
        found = row(exchange, access(arm="small", engine=engine))
        assert isinstance(found, LogRow)
        assert found.variant == variant
    eight = DESK.model_copy(
        update={"router": Routing(name="desk-router", engine=Engine(slots=8 * DESK.engine.slots))}
    )
    line = access(arm="small", engine="small-engines")
    assert isinstance(exchange, Exchange)
    dear, cheap = (row_of(one, line, exchange, {}) for one in (DESK, eight))
    assert isinstance(dear, LogRow) and isinstance(cheap, LogRow)
    assert dear.cost == pytest.approx(8 * (cheap.cost or 0))


def test_without_its_line_a_row_has_no_waits() -> None:
    exchange = read_exchange(capture(ASKED, json.dumps(whole())))
    assert isinstance(exchange, Exchange)
    ended = datetime(2026, 11, 2, 11, tzinfo=UTC)
    found = row(exchange, exchange.without_line(ended))
    assert isinstance(found, LogRow)
    assert (found.time, found.seconds, found.cost) == (ended, None, None)
    assert (found.tenant, found.variant) == ("acme", "")
