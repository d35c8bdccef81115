"""Marks of what is to be learned: of a message, of a row, by other names; read, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from data_contracts.rows.values import UnfitRowError
from tasks.ingestion.mapping import read_row

ASK, TELL = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "tell"}
TALK = [ASK, TELL, ASK, TELL]
ROWS: dict[str, dict[str, Any]] = {
    "chat": {"messages": TALK},
    "instruction": {"instruction": "ask", "output": "tell"},
    "preference": {"prompt": "ask", "chosen": "tell", "rejected": "worse"},
    "document": {"text": "A page."},
}
NOT_LEARNED = [
    {"step_loss_mask": 0},
    {"stepLossMask": 0},
    {"is_train": False},
    {"istrain": False},
    {"do_train": "false"},
    {"compute_loss": 0},
    {"output_with_loss": False},
    {"is_trainable": 0.0},
    {"train_mask": 0},
    {"loss_weight": 0},
    {"loss_weights": 0},
    {"no_train": True},
    {"do_not_train": 1},
    {"ignore_loss": True},
    {"weight": 0},
    {"train": False},
    {"loss_mask": 0},
]
UNKNOWN = [
    ({"sample_weight": 0}, "weight"),
    ({"loss_multiplier": "0"}, "loss"),
    ({"mask_loss": 1}, "mask loss"),
    ({"no_loss_mask": 1}, "loss mask"),
]


def reason(kind: str, row: dict[str, Any]) -> str:
    with pytest.raises(UnfitRowError) as caught:
        read_row(kind, row, {})
    return str(caught.value)


def targets(row: dict[str, Any]) -> list[bool]:
    record, left = read_row("chat", row, {})
    assert left == []
    return [turn.target for turn in record.conversation()]


@pytest.mark.parametrize("mark", NOT_LEARNED)
def test_a_mark_that_is_plain_is_read_of_a_message_and_of_a_row(mark: dict[str, Any]) -> None:
    assert targets({"messages": [ASK, TELL | mark, ASK, TELL]}) == [True, False, True, True]
    for kind, row in ROWS.items():
        assert reason(kind, row | mark) == "a row that is marked as not to be learned"
    wanted = {name: str(value) in ("0", "0.0", "False", "false") for name, value in mark.items()}
    assert targets({"messages": [ASK, TELL | wanted, ASK, TELL]}) == [True] * 4
    for kind, row in ROWS.items():
        assert read_row(kind, row | wanted, {})[1] == []


@pytest.mark.parametrize(("mark", "words"), UNKNOWN)
def test_a_mark_that_is_not_plain_is_refused_by_its_words(mark: dict[str, Any], words: str) -> None:
    why = f"a mark that is not known ({words})"
    assert reason("chat", {"messages": [ASK, TELL | mark, ASK, TELL]}) == why
    for kind, row in ROWS.items():
        assert reason(kind, row | mark) == why


OF_SOMETHING_ELSE = ("train_split", "train_number", "weight_kg", "eve_weight", "mask_type")


@pytest.mark.parametrize("name", OF_SOMETHING_ELSE)
@pytest.mark.parametrize("value", [0, False, True, "0"])
def test_a_column_of_something_else_is_unread_and_no_mark(name: str, value: Any) -> None:
    for kind, row in ROWS.items():
        assert len(read_row(kind, row | {name: value}, {})[1]) == 1


@pytest.mark.parametrize("mark", [{"mask": 1}, {"masks": 0}])
def test_a_mask_may_mean_either(mark: dict[str, Any]) -> None:
    assert "may mean either" in reason("chat", {"messages": [ASK, TELL | mark, ASK, TELL]})
    for kind, row in ROWS.items():
        assert "a mark that is not known (mask" in reason(kind, row | mark)
        assert "a mark that is not known (mask" in reason(kind, row | {"mask": [0, 1]})


@pytest.mark.parametrize(
    "other",
    [
        {"weight": 0.3},
        {"weight": "70 kg"},
        {"sample_weight": 1},
        {"train": "Express 5"},
        {"target": 0},
        {"lossless": True},
        {"weighted": 0},
        {"completion_mask": [0, 1, 1]},
        {"weigh" + "t" * 90: 0},
    ],
)
def test_what_is_no_mark_of_a_row_stays_unread(other: dict[str, Any]) -> None:
    for kind, row in ROWS.items():
        assert len(read_row(kind, row | other, {})[1]) == 1


@pytest.mark.parametrize("name", ["weights", "weight", "loss_mask", "train", "loss_masks"])
@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("chat", {"prompt": "ask", "completion": "tell"}),
        ("chat", {"prompt": [ASK], "completion": [TELL]}),
        *((kind, row) for kind, row in ROWS.items() if kind != "chat"),
    ],
)
def test_a_list_beside_one_answer_is_one_mark(kind: str, row: dict[str, Any], name: str) -> None:
    assert "not to be learned" in reason(kind, row | {name: [0]})
    assert "not to be learned" in reason(kind, row | {name: "[false]"})
    assert "not one for it" in reason(kind, row | {name: [1, 0]})
    assert read_row(kind, row | {name: [1]}, {})[1] == []


def test_lists_beside_messages_are_read_by_the_sense_of_their_name() -> None:
    assert targets({"messages": TALK, "loss_masks": [0, 0, 0, 1]}) == [True, False, True, True]
    assert targets({"messages": TALK, "masked": [1, 1, 1, 0]}) == [True, False, True, True]
    asks = read_row("chat", {"messages": TALK, "weights": [1, 0, 0, 1]}, {})[1]
    assert asks == ["messages: loss_mask"]  # nothing but answers is ever learned
    both = {"messages": TALK, "weights": [1, 0, 1, 1]}
    assert "that differ" in reason("chat", both | {"loss_mask": [1, 1, 1, 1]})
    marked = [ASK, TELL | {"loss_mask": 0}, ASK, TELL]
    assert "and is not" in reason("chat", {"messages": marked, "weights": [1, 1, 1, 1]})
    assert read_row("document", {"text": "x", "weights": ["a", "b"]}, {})[1] == ["weights"]


def test_a_column_that_is_mapped_is_no_mark() -> None:
    row = {"ask": "Is it raining?", "loss": 0}
    record, left = read_row("instruction", row, {"instruction": "ask", "output": "loss"})
    assert (record.conversation()[-1].content, left) == ("0", [])
    row = {"messages": TALK, "mine": [0, 0, 0, 1]}
    record, left = read_row("chat", row, {"weights": "mine"})
    assert ([turn.target for turn in record.conversation()], left) == (
        [True, False, True, True],
        [],
    )


@pytest.mark.parametrize(
    ("pairs", "left"),
    [
        ([{"input": "ask", "output": "tell", "output_with_loss": False}], []),
        ([{"human": "ask", "assistant": "tell", "weight": 0}], []),
        (
            [{"human": "ask", "assistant": "tell", "train": False, "eve": 3}],
            ["messages: other keys"],
        ),
    ],
)
def test_a_question_with_its_answer_in_one_object_carries_its_mark(
    pairs: list[dict[str, Any]], left: list[str]
) -> None:
    first, *others = pairs
    last = {"human": "ask", "assistant": "tell"}
    row = {"conversation": [{"system": "be brief", **first}, *others, last]}
    record, unread = read_row("chat", row, {})
    turns = [(turn.role, turn.content, turn.target) for turn in record.conversation()]
    asked = ("user", "ask", True)
    system = ("system", "be brief", True)
    assert turns == [
        system,
        asked,
        ("assistant", "tell", False),
        asked,
        ("assistant", "tell", True),
    ]
    assert unread == left
    strange = [{"input": "ask", "content": "tell"}, last]
    assert reason("chat", {"conversation": strange}) == "an unknown role"
