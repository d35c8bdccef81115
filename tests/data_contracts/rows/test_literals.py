"""Lists and objects in text, as JSON, Python and numpy write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from data_contracts.rows.literals import structured
from tasks.ingestion.mapping import read_row

ASK, TELL = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "tell"}


def test_messages_in_text_are_read_as_json_python_or_numpy_writes_them() -> None:
    quoted = [ASK | {"content": "it's \"so\"\nand\\so, {'role'}", "name": None}, TELL]
    written = [
        json.dumps(quoted),
        str(quoted),
        str(tuple(quoted)),
        str(np.array(quoted)),
        repr(np.array(quoted)),
    ]
    for text in written:
        assert structured(text) == quoted
        turns = read_row("chat", {"messages": text}, {})[0].conversation()
        assert [turn.content for turn in turns] == [quoted[0]["content"], "tell"]


def test_values_that_pandas_writes_as_calls_are_read_and_not_made() -> None:
    at = datetime(2023, 4, 9, 0, 2, 53, tzinfo=UTC)
    beside = {"at": at, "day": at.date(), "seen": pd.Timestamp(at), "never": pd.NaT}
    beside |= {
        "score": np.float64(1.5),
        "half": np.float64(0.5),
        "none": float("inf"),
        "id": UUID(int=7),
    }
    found = structured(str([ASK | beside, TELL]))
    assert [one["content"] for one in found] == ["ask", "tell"]
    assert (found[0]["score"], found[0]["half"], found[0]["never"]) == (1.5, 0.5, None)
    assert found[0]["at"].startswith("datetime.datetime(2023, 4, 9")
    assert found[0]["id"] == str(UUID(int=7))
    assert structured("[.5, -.5, 1., -2e3]") == [0.5, -0.5, 1.0, -2000.0]
    assert structured("[np.array([1, 2]), 3") is None


@pytest.mark.parametrize(
    "text",
    [
        "[{'role': 'user', 'content': open('/etc/passwd')}]",
        "[{'role': 'user'",
        "[{'role' 'user'}]",
        "['a' ... 'b']",
        "[b'bytes']",
        "[1, 2)",
        "[" * 100_000,
        "(" * 100_000,
        "7",
        "",
    ],
)
def test_text_that_writes_no_list_out_is_none(text: str) -> None:
    assert structured(text) is None
