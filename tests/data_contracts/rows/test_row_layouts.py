"""Rows as other tools write them: what is read of them, and why some are none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from data_contracts.records import record_id
from data_contracts.rows.values import UnfitRowError
from tasks.ingestion.mapping import read_row, to_record

Turns = list[tuple[str, str, bool]]
ASK, TELL = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "tell"}
AGAIN, BETTER = {"role": "user", "content": "again"}, {"role": "assistant", "content": "better"}
WORSE = {"role": "assistant", "content": "worse"}
TALK = [ASK, TELL, AGAIN, BETTER]


def read(kind: str, **row: Any) -> Turns:
    record = to_record(kind, row, {})
    return [(turn.role, turn.content, turn.target) for turn in record.conversation()]


def unread(kind: str, **row: Any) -> list[str]:
    return read_row(kind, row, {})[1]


def reason(kind: str, **row: Any) -> str:
    with pytest.raises(UnfitRowError) as caught:
        to_record(kind, row, {})
    return str(caught.value)


def plain(*messages: Mapping[str, Any]) -> Turns:
    return [(message["role"], message["content"], True) for message in messages]


@pytest.mark.parametrize(
    "mark",
    [
        {"weight": 0},
        {"weight": 0.0},
        {"weight": "0"},
        {"train": False},
        {"training": False},
        {"loss": False},
        {"loss_mask": 0},
        {"loss-mask": 0},
        {"Weight": False},
        {"masked": True},
        {"target": False},
    ],
)
def test_an_answer_that_is_marked_so_is_context_only(mark: dict[str, Any]) -> None:
    turns = read("chat", messages=[ASK, TELL | mark, AGAIN, BETTER])
    assert turns == [*plain(ASK), ("assistant", "tell", False), *plain(AGAIN, BETTER)]
    assert unread("chat", messages=[ASK | mark, TELL | mark, AGAIN, BETTER]) == []


def test_marks_beside_the_messages_are_those_of_the_messages() -> None:
    turns = read("chat", messages=TALK, loss_mask=[0, 0, 0, 1])
    assert [target for _, _, target in turns] == [True, False, True, True]
    assert reason("chat", messages=TALK, loss_mask=[0, 1]).startswith("weights beside")
    assert "not to be learned" in reason("chat", messages=TALK, weight=0)
    assert unread("chat", messages=TALK, weight=0.3) == ["weight"]


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        ({"weight": 0.5}, "neither 0 nor 1"),
        ({"weight": "half"}, "neither 0 nor 1"),
        ({"mask": 1}, "may mean either"),
        ({"weight": 0, "train": True}, "is to be learned and is not"),
        ({"train_detail": [{"begin_offset": 0, "end_offset": 3, "train": False}]}, "only parts"),
        ({"tool_calls": [{"id": "1"}]}, "calls a tool"),
        ({"function_call": {"name": "f"}}, "calls a tool"),
        ({"role": "tool"}, "of a tool"),
        ({"value": "something else"}, "differ"),
        ({"content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "not text"),
        ({"content": [{"type": "text", "text": ""}]}, "not text"),
    ],
)
def test_a_message_that_is_not_understood_is_refused(mark: dict[str, Any], why: str) -> None:
    assert why in reason("chat", messages=[ASK, TELL | mark, AGAIN, BETTER])


def test_a_row_of_which_nothing_is_to_be_learned_says_so() -> None:
    assert "every answer" in reason("chat", messages=[ASK, TELL | {"weight": 0}])
    assert "before anybody asked" in reason("chat", messages=[TELL, ASK])
    both = [ASK, TELL | {"weight": 0}, BETTER]
    assert "two answers in a row" in reason("chat", messages=both)


def test_keys_of_a_message_that_are_not_read_are_told_by_well_known_names_only() -> None:
    message = TELL | {"name": "eve", "eve@example.org": 1, "tool_calls": [], "refusal": None}
    found = unread("chat", messages=[ASK | {"weight": 1}, message])
    assert found == ["messages: name", "messages: other keys", "messages: weight"]


def test_columns_that_are_not_read_are_told_by_well_known_names_only() -> None:
    row = {"messages": TALK, "tools": "[]", "eve@example.org": 1, "images": [], "image": None}
    assert unread("chat", **row) == ["other columns", "tools"]
    assert unread("chat", messages=TALK, conversations=TALK) == []  # they say the same
    assert unread("chat", messages=TALK, conversations=TALK[:2]) == ["conversations"]
    assert read_row("chat", {"messages": TALK, "customer": 3}, {}, ["customer"])[1] == []


def test_null_is_absent_wherever_it_stands() -> None:
    ours = {**ASK, "from": None, "value": None, "weight": None}
    theirs = {"from": "gpt", "value": "tell", "role": None, "content": None}
    empty = dict.fromkeys(ours)
    rows = {"conversations": [ours, theirs, empty, None], "messages": None, "system": None}
    assert read("chat", **rows) == plain(ASK, TELL)
    assert unread("chat", **rows) == []
    nan = float("nan")
    filled = {"instruction": "ask", "output": "tell", "input": nan, "history": [[None, None]]}
    assert read("instruction", **filled, system=None, tools=nan) == plain(ASK, TELL)
    assert reason("instruction", instruction="ask", output=nan) == "missing output"
    part = {"type": "text", "text": "tell", "image_url": None}
    assert read("chat", messages=[ASK, TELL | {"content": [part, None]}]) == plain(ASK, TELL)


@pytest.mark.parametrize(
    ("kind", "row", "identity"),
    [
        ("chat", {"messages": [ASK, TELL | {"weight": 1}]}, "aca13441120f191f"),
        ("instruction", {"instruction": "add", "output": "3", "history": []}, "a097d169f42e7e09"),
        ("preference", {"chosen": [ASK, TELL], "rejected": [ASK, WORSE]}, "e51ba54310157ff6"),
    ],
)
def test_a_record_that_needs_no_new_field_has_the_id_it_always_had(
    kind: str, row: dict[str, Any], identity: str
) -> None:
    assert record_id(to_record(kind, row, {})).startswith(identity)


def test_a_system_column_comes_first_and_may_not_contradict_a_message() -> None:
    said = {"role": "system", "content": "be brief"}
    for name in ("system", "system_prompt", "system_message"):
        assert read("chat", messages=[ASK, TELL], **{name: "be brief"}) == plain(said, ASK, TELL)
    assert read("chat", messages=[said, ASK, TELL], system="be brief") == plain(said, ASK, TELL)
    assert "differ" in reason("chat", messages=[said, ASK, TELL], system="be long")
    assert read("instruction", instruction="ask", output="tell", system="be brief") == plain(
        said, ASK, TELL
    )


@pytest.mark.parametrize(
    "history",
    [
        [["ask", "tell"]],
        [("ask", "tell"), [None, None]],
        "[['ask', 'tell']]",
        '[["ask", "tell"]]',
        [ASK, TELL],
    ],
)
def test_a_history_is_earlier_turns_whose_answers_are_learned(history: Any) -> None:
    row = {"instruction": "again", "input": "now", "output": "better", "history": history}
    turns = read("instruction", **row)
    assert turns == [*plain(ASK, TELL), ("user", "again\n\nnow", True), *plain(BETTER)]
    compared = {"prompt": "again", "chosen": "better", "rejected": "worse", "history": history}
    assert [target for _, _, target in read("preference", **compared)] == [True, False, True, True]


@pytest.mark.parametrize("history", [["ask", "tell"], [["ask"]], [["ask", None]], "nothing", 7])
def test_a_history_that_is_none_is_refused(history: Any) -> None:
    assert "history" in reason("instruction", instruction="a", output="b", history=history)


def test_prompts_and_completions_are_read() -> None:
    prompt = [ASK, TELL, AGAIN]
    wanted = [*plain(ASK), ("assistant", "tell", False), *plain(AGAIN, BETTER)]
    for kind in ("chat", "instruction"):
        assert read(kind, prompt=prompt, completion=[BETTER]) == wanted
        assert read(kind, prompt="ask", completion="tell", label=True) == plain(ASK, TELL)
        assert unread(kind, prompt="ask", completion="tell", label="True") == []
        assert "unwanted" in reason(kind, prompt="ask", completion="tell", label=False)
    assert "unwanted" in reason("instruction", instruction="a", output="b", kto_tag=False)
    assert "asks" in reason("chat", prompt=[ASK, TELL], completion=[BETTER])


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [ASK], "chosen": [TELL], "rejected": [WORSE]},
        {"chosen": [ASK, TELL], "rejected": [ASK, WORSE]},
        {"prompt": "ask", "chosen": [ASK, TELL], "rejected": [ASK, WORSE]},
        {"prompt": [ASK], "chosen": [ASK, TELL], "rejected": [ASK, WORSE]},
        {
            "input": {"messages": [ASK], "tools": []},
            "preferred_output": [TELL],
            "non_preferred_output": [WORSE],
        },
        {"conversations": [ASK], "chosen": TELL, "rejected": WORSE},
        {"prompt": str([ASK]), "chosen": str([TELL]), "rejected": json.dumps([WORSE])},
    ],
)
def test_preferences_of_messages_are_those_of_texts(row: dict[str, Any]) -> None:
    texts = to_record("preference", {"prompt": "ask", "chosen": "tell", "rejected": "worse"}, {})
    record, left = read_row("preference", row, {})
    assert (record, left) == (texts, [])
    assert record_id(record) == record_id(texts)


def test_a_preference_keeps_what_came_before_its_prompt() -> None:
    said = {"role": "system", "content": "be brief"}
    before = [said, ASK, TELL, AGAIN]
    row = {"chosen": [*before, BETTER], "rejected": [*before, WORSE]}
    record = to_record("preference", row, {})
    worse = record.worse()
    assert worse is not None
    for one, answer in ((record, "better"), (worse, "worse")):
        turns = [(turn.content, turn.target) for turn in one.conversation()]
        assert turns == [
            ("be brief", True),
            ("ask", True),
            ("tell", False),
            ("again", True),
            (answer, True),
        ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"chosen": "a", "rejected": "b"}, "missing prompt"),
        ({"chosen": [ASK, TELL], "rejected": [AGAIN, WORSE]}, "missing prompt"),
        ({"prompt": "other", "chosen": [ASK, TELL], "rejected": [ASK, WORSE]}, "both answers"),
        ({"chosen": TALK, "rejected": [ASK, WORSE, AGAIN, BETTER]}, "not one message"),
        ({"prompt": "ask", "chosen": [TELL | {"weight": 0}], "rejected": "b"}, "not to be learned"),
    ],
)
def test_a_preference_that_is_none_says_why(row: dict[str, Any], why: str) -> None:
    assert why in reason("preference", **row)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2.5, "2.5"), (True, "true"), (False, "false"), (10**30, "1" + "0" * 30)],
)
def test_numbers_and_truths_are_text(value: Any, text: str) -> None:
    assert read("instruction", instruction="ask", output=value)[1][1] == text
    assert read("chat", messages=[ASK, TELL | {"content": value}])[1][1] == text
    assert to_record("document", {"text": value}, {}).plain_text() == text


def test_what_is_no_text_is_refused_by_what_it_is() -> None:
    wrong = {
        "a list": ["x"],
        "an object": {"x": 1},
        "an infinite number": float("inf"),
        "bytes": b"x",
    }
    for what, value in wrong.items():
        assert reason("instruction", instruction="a", output=value) == f"output is {what}, not text"


def test_messages_may_be_columns_side_by_side() -> None:
    aside = {name: [one[name] for one in (ASK, TELL)] for name in ("role", "content")}
    assert read("chat", messages=aside) == plain(ASK, TELL)


def test_an_answer_that_looks_like_a_list_stays_text() -> None:
    for text in ("[1, 2, 3]", '{"role": "admin"}', "['a', 'b']", '[{"x": 1}]'):
        assert read("instruction", instruction="ask", output=text)[1][1] == text
