"""What a mapping reads, and what is told to be unread beside it; text that only looks like more."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from data_contracts.rows.values import UnfitRowError, is_absent
from tasks.ingestion.mapping import read_row

ASK, TELL = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "tell"}
WORSE = {"role": "assistant", "content": "worse"}


def said(kind: str, row: dict[str, Any], mapping: dict[str, str] | None = None) -> list[str]:
    return [turn.content for turn in read_row(kind, row, mapping or {})[0].conversation()]


def unread(kind: str, row: dict[str, Any], mapping: dict[str, str] | None = None) -> list[str]:
    return read_row(kind, row, mapping or {})[1]


def reason(kind: str, row: dict[str, Any]) -> str:
    with pytest.raises(UnfitRowError) as caught:
        read_row(kind, row, {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("beside", "left"),
    [
        ({}, []),
        ({"rationale": None}, []),
        ({"rationale": "why"}, ["answer: rationale"]),
        ({"rationale": "why", "eve": 1}, ["answer: other keys", "answer: rationale"]),
    ],
)
def test_a_dotted_mapping_hides_nothing_beside_it(beside: dict[str, Any], left: list[str]) -> None:
    mapping = {"instruction": "q.0.text", "output": "answer.text"}
    row = {"q": [{"text": "ask"}], "answer": {"text": "tell", **beside}}
    assert unread("instruction", row, mapping) == left
    row["q"] = [{"text": "ask"}, {"text": "another"}]
    assert unread("instruction", row, mapping) == [*left, "other columns"]


def test_a_mapping_wins_over_well_known_columns() -> None:
    row = {"question": "a", "answer": "b", "messages": [ASK, TELL]}
    mapping = {"prompt": "question", "completion": "answer"}
    assert said("chat", row, mapping) == ["a", "b"]
    assert unread("chat", row, mapping) == ["messages"]
    assert said("chat", row, {"messages": "messages"}) == ["ask", "tell"]
    mapping = {"instruction": "context", "output": "answer"}  # `context` is no input then
    assert said("instruction", {"context": "a", "answer": "b"}, mapping) == ["a", "b"]
    row |= {"rejected_response": "c"}
    mapping = {"prompt": "question", "response": "answer"}
    assert said("preference", row, mapping) == ["a", "b"]


def test_a_well_known_column_is_told_though_it_repeats_a_word_that_was_read() -> None:
    row = {"instruction": "a", "output": "4", "thinking": "4", "label": 4, "eve": "4"}
    assert unread("instruction", row) == ["label", "thinking"]
    talk = [ASK, TELL]
    row = {"prompt": "ask", "chosen": talk, "rejected": [ASK, WORSE], "messages": talk}
    assert unread("preference", row) == []  # they say the same at length


@pytest.mark.parametrize(
    "text",
    [
        '{"role": "assistant", "content": "hi"}',
        '{"from": "km", "to": "miles", "value": 5}',
        '[{"from": "km", "value": "5"}]',
        '[{"role": "user", "content": "hi", "eve": 1}]',
    ],
)
def test_text_that_writes_out_no_list_of_known_messages_is_text(text: str) -> None:
    assert said("instruction", {"instruction": "as JSON", "output": text}) == ["as JSON", text]
    assert said("chat", {"prompt": text, "completion": text}) == [text, text]
    row = {"prompt": text, "chosen": text, "rejected": "worse"}
    assert said("preference", row) == [text, text]


def test_messages_that_are_written_out_are_text_in_alpacas_columns_alone() -> None:
    asked, told = json.dumps([ASK]), json.dumps([TELL])
    assert said("instruction", {"instruction": asked, "output": told}) == [asked, told]
    for kind in ("instruction", "chat"):
        assert said(kind, {"prompt": asked, "completion": told}) == ["ask", "tell"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (datetime.time(1, 2), "a time of day"),
        (datetime.timedelta(1), "a span of time"),
        (bytearray(b"x"), "bytes"),
        (complex(1), "complex"),
    ],
)
def test_what_is_no_text_is_named_by_what_it_is(value: Any, name: str) -> None:
    why = reason("instruction", {"instruction": "ask", "output": value})
    assert why == f"output is {name}, not text"
    row = {"instruction": "ask", "output": "tell", "history": [["ask", None]]}
    assert reason("instruction", row) == "history is null, not text"


@pytest.mark.parametrize(
    ("beside", "left"),
    [
        ({"systemInstruction": {"role": None, "parts": None}}, []),
        ({"tools": [{"function": {"name": None}}]}, []),
        ({"tools": [{"type": "function", "function": {"name": None}}]}, ["tools"]),
        ({"images": [None]}, []),
        ({"images": [""]}, []),
        ({"history": [None]}, []),
        ({"messages": [{"role": None, "content": None}]}, []),
    ],
)
def test_what_holds_nothing_but_nothing_is_absent(beside: dict[str, Any], left: list[str]) -> None:
    call = {"function_call": {"name": None, "arguments": None}}
    parts = [
        {"type": "text", "text": "tell", "image_url": {"url": None}, "inlineData": {"data": None}}
    ]
    for answer in (TELL | call, TELL | {"content": parts}):
        row = {"conversations": [ASK, answer], **beside}
        assert (said("chat", row), unread("chat", row)) == (["ask", "tell"], left)


def test_a_row_may_be_as_deep_as_it_likes() -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    assert is_absent(deep)
    assert not is_absent([{"a": [None, 0]}])
    assert "tools" in reason("chat", {"messages": [ASK, TELL], "tools": [{"type": "retrieval"}]})


@pytest.mark.parametrize("empty", ["", " ", None, [], [None]])
def test_a_system_message_that_is_empty_is_left_out(empty: Any) -> None:
    for first in ({"role": "system", "content": empty}, {"from": "system", "value": empty}):
        row = {"messages": [first, ASK, TELL]}
        assert said("chat", row) == ["ask", "tell"]
        assert said("chat", row | {"system": "be brief"}) == ["be brief", "ask", "tell"]
        assert "fewer than two" in reason("chat", {"messages": [first], "system": "be brief"})
    assert "without text" in reason("chat", {"messages": [ASK, TELL | {"content": empty}]})


@pytest.mark.parametrize(
    "system",
    [
        ["be brief"],
        [{"text": "be brief"}],
        [{"type": "text", "text": "be brief"}],
        {"role": "system", "content": "be brief"},
        {"from": "system", "value": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
        {"content": "be brief"},
        [{"role": "system", "content": "be brief"}],
        {"role": "user", "parts": [{"text": "be brief"}]},
    ],
)
def test_a_system_column_may_be_parts_or_a_message(system: Any) -> None:
    row = {"messages": [ASK, TELL], "system": system}
    assert (said("chat", row), unread("chat", row)) == (["be brief", "ask", "tell"], [])


def test_a_system_column_that_is_something_else_is_refused() -> None:
    row: dict[str, Any] = {"messages": [ASK, TELL]}
    assert "somebody else's" in reason("chat", row | {"system": ASK})
    assert "not text (image)" in reason("chat", row | {"system": [{"type": "image"}]})
    kept = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
    assert unread("chat", row | {"system": kept}) == ["messages: other keys"]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("chat", {"messages": [ASK, TELL]}),
        ("chat", {"prompt": "ask", "completion": "tell"}),
        ("instruction", {"prompt": "ask", "completion": "tell"}),
        ("instruction", {"instruction": "ask", "output": "tell"}),
    ],
)
def test_a_truth_labels_an_answer_and_a_class_does_not(kind: str, row: dict[str, Any]) -> None:
    for no in (False, "False", "false"):
        assert "unwanted" in reason(kind, row | {"label": no})
    for no in (False, "false", 0, "0", 0.0):
        assert "unwanted" in reason(kind, row | {"kto_tag": no})
    for label in (0, 1, 2, "0", "yes", ["a"]):
        assert unread(kind, row | {"label": label}) == ["label"]
    for yes in ({"label": True}, {"label": "True"}, {"kto_tag": 1}, {"kto_tag": "true"}):
        assert unread(kind, row | yes) == []
    assert "neither true nor false" in reason(kind, row | {"kto_tag": "bad"})


def test_coheres_chatbot_and_axolotls_messages_are_read() -> None:
    talk = [{"role": "User", "content": "ask"}, {"role": "Chatbot", "content": "tell"}]
    assert said("chat", {"messages": talk}) == ["ask", "tell"]
    row = {"messages": [ASK], "chosen": TELL, "rejected": WORSE}
    assert (said("preference", row), unread("preference", row)) == (["ask", "tell"], [])
    why = reason("preference", row | {"messages": [ASK, TELL]})
    assert why == "a prompt that does not end with what the user asks"
