"""Records: identity, split and texts follow from the content alone."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.kinds.preference import PreferenceRecord
from data_contracts.records import Record, record_id, split_of

CHAT = ChatRecord.model_validate(
    {
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"},
        ]
    }
)
RECORDS: list[Record] = [
    CHAT,
    InstructionRecord(instruction="add", input="1 2", output="3"),
    InstructionRecord(instruction="say hello", output="hello"),
    PreferenceRecord(prompt="p", chosen="c", rejected="r"),
    DocumentRecord(text="t"),
]


@pytest.mark.parametrize("record", RECORDS)
def test_texts_can_be_replaced_one_by_one(record: Record) -> None:
    assert record.with_texts(record.texts()) == record
    changed = [f"{text}!" for text in record.texts()]
    assert record.with_texts(changed).texts() == changed


def test_identity_is_that_of_the_content() -> None:
    assert record_id(CHAT) == record_id(CHAT.model_copy(deep=True))
    assert len({record_id(record) for record in RECORDS}) == len(RECORDS)


def test_splits_have_the_shares_asked_for() -> None:
    names = (record_id(DocumentRecord(text=str(number))) for number in range(4000))
    counts = Counter(split_of(name, validation=0.1, test=0.2) for name in names)
    assert abs(counts["test"] - 800) < 120
    assert abs(counts["validation"] - 400) < 90


def test_a_chat_without_an_answer_is_no_record() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    with pytest.raises(ValidationError, match="no assistant message"):
        ChatRecord.model_validate({"messages": turns})


def test_a_record_trains_on_its_wanted_answer() -> None:
    asked = [[message.content for message in record.conversation()] for record in RECORDS]
    assert asked == [
        ["be brief", "hello", "hi"],
        ["add\n\n1 2", "3"],
        ["say hello", "hello"],
        ["p", "c"],
        [],
    ]


def test_a_row_from_before_a_field_was_there_is_still_read() -> None:
    old = {"id": "x", "line": 1, "instruction": "add", "input": "", "output": "3"}
    assert InstructionRecord.from_columns(old) == InstructionRecord(instruction="add", output="3")
    turns = [{"role": turn.role, "content": turn.content} for turn in CHAT.conversation()]
    assert ChatRecord.from_columns({"messages": turns}) == CHAT
    # As Parquet gives it back: with every key that some message has.
    assert ChatRecord.from_columns({"messages": [one | {"target": None} for one in turns]}) == CHAT
