"""Rows of ms-swift and Gemini, and what belongs to a text and is none: read whole, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_contracts.rows.values import UnfitRowError
from tasks.ingestion.mapping import read_row

Turns = list[tuple[str, str, bool]]
ASK, TELL = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "tell"}
AGAIN, BETTER = {"role": "user", "content": "again"}, {"role": "assistant", "content": "better"}
WORSE = {"role": "assistant", "content": "worse"}
WHOLE: Turns = [
    ("system", "be brief", True),
    ("user", "ask", True),
    ("assistant", "tell", True),
    ("user", "again", True),
    ("assistant", "better", True),
]


def said(role: str, *parts: Any) -> dict[str, Any]:
    """Return a message as Gemini writes it."""
    return {
        "role": role,
        "parts": [{"text": part} if isinstance(part, str) else part for part in parts],
    }


GEMINI = [
    said("user", "ask"),
    said("model", "tell"),
    said("user", "again"),
    said("model", "better"),
]


def read(kind: str, **row: Any) -> Turns:
    record, left = read_row(kind, row, {})
    assert left == []
    return [(turn.role, turn.content, turn.target) for turn in record.conversation()]


def reason(kind: str, **row: Any) -> str:
    with pytest.raises(UnfitRowError) as caught:
        read_row(kind, row, {})
    return str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        {
            "query": "again",
            "response": "better",
            "history": [["ask", "tell"]],
            "system": "be brief",
        },
        {
            "query": "again",
            "response": "better",
            "history": "[['ask', 'tell']]",
            "system": "be brief",
        },
        {"prompt": "again", "response": "better", "history": [ASK, TELL], "system": "be brief"},
        {
            "system": "be brief",
            "conversation": [
                {"human": "ask", "assistant": "tell"},
                {"human": "again", "assistant": "better", "system": None},
            ],
        },
        {"contents": GEMINI, "systemInstruction": said("", "be brief")},
        {"contents": GEMINI, "systemInstruction": {"parts": {"text": "be brief"}}},
        {"contents": GEMINI, "system_instruction": "be brief"},
        {"contents": json.dumps(GEMINI), "systemInstruction": said("system", "be brief")},
        {
            "contents": [{**GEMINI[0], "parts": [{"text": "ask", "fileData": None}]}, *GEMINI[1:]],
            "systemInstruction": said("", "be brief"),
        },
    ],
)
def test_a_chat_is_read_whole(row: dict[str, Any]) -> None:
    assert read("chat", **row) == WHOLE


def test_an_instruction_of_ms_swift_is_the_chat() -> None:
    row = {"query": "again", "response": "better", "history": [["ask", "tell"]]}
    assert read("instruction", **row, system="be brief") == read("chat", **row, system="be brief")
    assert reason("chat", response="better") == "missing messages"


def test_parts_of_gemini_are_one_text() -> None:
    talk = [said("user", "ask", "more"), said("model", "tell")]
    assert read("chat", contents=talk)[0] == ("user", "ask\nmore", True)


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}, "(fileData)"),
        ({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, "(inlineData)"),
        ({"functionCall": {"name": "f", "args": {}}}, "(functionCall)"),
        ({"functionResponse": {"name": "f", "response": {}}}, "(functionResponse)"),
        ({"text": "so I think", "thought": True}, "(thought)"),
        ({"type": "image_url", "image_url": {"url": "x"}}, "(image_url)"),
        ({"customer": "eve"}, "not text"),
    ],
)
def test_a_part_that_is_not_text_is_refused_by_its_name(part: dict[str, Any], named: str) -> None:
    why = reason("chat", contents=[said("user", "ask"), said("model", "tell", part)])
    assert why.startswith("a message with a part that is not text") and why.endswith(named)
    assert "eve" not in why and "customer" not in why


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASK, TELL, AGAIN, BETTER], "rejected_response": "worse"},
        {"messages": [ASK, TELL, AGAIN, BETTER], "rejected_messages": [ASK, TELL, AGAIN, WORSE]},
        {
            "query": "again",
            "response": "better",
            "rejected_response": "worse",
            "history": [["ask", "tell"]],
        },
        {
            "contents": GEMINI[:3],
            "completions": [
                {"score": 0.0, "completion": said("model", "worse")},
                {"score": 1.0, "completion": said("model", "better")},
            ],
        },
    ],
)
def test_a_preference_is_read_whole(row: dict[str, Any]) -> None:
    system = {"system": "be brief"}
    wanted = read_row(
        "preference",
        {"prompt": [ASK, TELL, AGAIN], "chosen": "better", "rejected": "worse", **system},
        {},
    )
    assert read_row("preference", {**row, **system}, {}) == wanted
    assert wanted[1] == []


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"messages": [ASK, TELL], "rejected_response": ["worse", "worst"]}, "is a list, not text"),
        ({"messages": [ASK], "rejected_response": "worse"}, "do not end with the better answer"),
        ({"query": "ask", "rejected_response": "worse"}, "missing response"),
        ({"messages": [ASK, TELL]}, "missing chosen, rejected"),
        (
            {"contents": GEMINI[:1], "completions": [{"score": 1, "completion": GEMINI[1]}]},
            "not two",
        ),
        (
            {"contents": GEMINI[:1], "completions": [{"score": 1, "completion": GEMINI[1]}] * 2},
            "differ",
        ),
        (
            {"contents": GEMINI[:1], "completions": [{"completion": GEMINI[1]}] * 2},
            "without a score",
        ),
    ],
)
def test_a_preference_that_is_none_says_why(row: dict[str, Any], why: str) -> None:
    assert why in reason("preference", **row)


@pytest.mark.parametrize("kind", ["chat", "instruction", "preference"])
@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ({"images": ["a.png"]}, "images"),
        ({"videos": ["a.mp4"]}, "videos"),
        ({"audios": [{"bytes": "…"}]}, "audios"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tools": '[{"name": "f"}]'}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
    ],
)
def test_what_is_no_text_is_refused_by_its_column(
    kind: str, beside: dict[str, Any], named: str
) -> None:
    row = {
        "chat": {"messages": [ASK, TELL]},
        "instruction": {"query": "ask", "response": "tell"},
        "preference": {"messages": [ASK, TELL], "rejected_response": "worse"},
    }[kind]
    assert reason(kind, **row, **beside).startswith(f"{named} ")


def test_a_picture_that_no_text_speaks_of_is_noted_and_one_that_it_speaks_of_refused() -> None:
    shown = {"role": "user", "content": "<image>\nask"}
    assert "image beside" in reason("chat", messages=[shown, TELL], image="a.png")
    assert read_row("chat", {"messages": [ASK, TELL], "image": "a.png"}, {})[1] == ["image"]
    assert read_row("chat", {"messages": [shown, TELL]}, {})[1] == []
    assert read_row("chat", {"messages": [ASK, TELL], "tools": "[]"}, {})[1] == ["tools"]
    page = {"text": "A page.", "images": ["a.png"]}
    assert read_row("document", page, {})[1] == ["images"]
    assert "images beside" in reason("document", **page | {"text": "A page. <image>"})


@pytest.mark.parametrize(("label", "unwanted"), [(False, True), (True, False)])
def test_a_truth_beside_messages_says_if_the_answer_is_wanted(label: bool, unwanted: bool) -> None:
    row = {"messages": [ASK, TELL], "label": label}
    if unwanted:
        assert "unwanted" in reason("chat", **row)
    else:
        assert read_row("chat", row, {})[1] == []


def test_a_number_beside_messages_is_a_class_and_not_read() -> None:
    assert read_row("chat", {"messages": [ASK, TELL], "label": 0}, {})[1] == ["label"]
