"""Mappings: from the command line, from TOML, dotted; and why a row makes no record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.rows.values import UnfitRowError
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.mapping import load_mapping, parse_mapping, to_record


def test_mappings_are_read_from_text_and_toml(tmp_path: Path) -> None:
    wanted = {"instruction": "question", "output": "answer.text"}
    assert parse_mapping(" instruction = question, output=answer.text,") == wanted
    lines = 'instruction = "question"\noutput = "answer.text"\n'
    for text in (lines, f"[mapping]\n{lines}"):
        (tmp_path / "mapping.toml").write_text(text)
        assert load_mapping(tmp_path / "mapping.toml") == wanted


@pytest.mark.parametrize("text", ["instruction", "=question", "instruction="])
def test_a_mapping_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        parse_mapping(text)
    (tmp_path / "mapping.toml").write_text("instruction = 7")
    for name in ("mapping.toml", "missing.toml"):
        with pytest.raises(InputError):
            load_mapping(tmp_path / name)


def test_columns_may_be_dotted_or_have_dots() -> None:
    mapping = {"instruction": "q.0.text", "output": "a.b"}
    record = to_record("instruction", {"q": [{"text": "ask\r\nme"}], "a.b": "told"}, mapping)
    assert record == InstructionRecord(instruction="ask\nme", output="told")
    with pytest.raises(UnfitRowError, match="missing instruction"):
        to_record("instruction", {"q": [], "a.b": "told"}, mapping)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (7, "not a list"),
        ("{broken", "neither JSON nor"),
        (["text"], "not an object"),
        ([{"role": "user", "content": " "}], "without text"),
        ([{"role": "wizard", "content": "x"}], "unknown role"),
        ([{"content": "x"}], "unknown role"),
        ([{"role": "user", "content": "x"}], "fewer than two"),
        ([{"role": "user", "content": "x"}, {"role": "system", "content": "y"}], "system message"),
    ],
)
def test_a_chat_row_that_fits_not_says_why(messages: Any, reason: str) -> None:
    with pytest.raises(UnfitRowError, match=reason):
        to_record("chat", {"messages": messages}, {})


def test_messages_may_come_as_json_text() -> None:
    text = '[{"role": "User", "content": "a"}, {"from": "gpt", "value": "b"}]'
    record = to_record("chat", {"messages": text}, {})
    assert isinstance(record, ChatRecord)
    assert [message.role for message in record.messages] == ["user", "assistant"]


def test_the_reason_holds_nothing_of_the_row() -> None:
    with pytest.raises(UnfitRowError) as caught:
        to_record("instruction", {"instruction": ["a@example.com"], "output": "x"}, {})
    assert "example" not in str(caught.value)


def test_leaks_need_thirteen_words_in_a_row() -> None:
    words = [f"w{number}" for number in range(20)]
    texts = EvaluationTexts([("set", " ".join(words))])
    assert texts.leak_into(["x " + ", ".join(words[3:16]) + " y"]) is not None
    assert texts.leak_into([" ".join(words[3:15]) + " x " + " ".join(words[15:])]) is None
    assert EvaluationTexts([]).leak_into(["anything"]) is None


def test_a_leak_is_told_by_the_first_eval_set_that_has_it() -> None:
    long = " ".join(f"w{number}" for number in range(13))
    texts = EvaluationTexts([("sums", long), ("desk", long), ("sums", "add one and two")])
    assert texts.leak_into(["fine", f"well {long}"]) == "desk"
    assert texts.leak_into(["Add one and two!"]) == "sums"
