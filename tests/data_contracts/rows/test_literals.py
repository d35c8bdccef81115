"""Lists and objects in text, as JSON, Python and numpy write them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from data_contracts.rows.literals import structured
from tasks.ingestion.mapping import to_record

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
        turns = to_record("chat", {"messages": text}, {}).conversation()
        assert [turn.content for turn in turns] == [quoted[0]["content"], "tell"]


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
