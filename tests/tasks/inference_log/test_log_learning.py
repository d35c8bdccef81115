"""Which rows of a log a model may learn, why the others not, and the champion's own beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow
from data_contracts.records import Message
from tasks.inference_log.items import Item
from tasks.inference_log.learning import (
    KNOWN,
    ROWS,
    Before,
    Rule,
    Verdict,
    choose_rows,
    exchange_key,
    exchange_keys,
)

NOTHING = Before((), frozenset())
GOOD: dict[str, Any] = {"consent": True, "feedback": {"score": 1}}


def _item(held: str = "", **more: Any) -> Item:
    said = {"prompt": "What does it cost?", "answer": "5 euros.", **more}
    fixed = {"id": "r1", "time": "2026-03-01T14:00:00Z", "model": "desk/3"}
    return Item("2026-03-01T14", "r1", LogRow.model_validate(fixed | said), held)


def _chosen(
    tmp_path: Path,
    item: Item,
    verdict: Verdict | None = None,
    before: Before = NOTHING,
    **rule: Any,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    row = item.row
    verdicts = {exchange_key(row.prompt, row.answer): verdict} if row and verdict else {}
    choice = choose_rows([item], Rule(name="desk", **rule), verdicts, before, tmp_path)
    assert choice.looked_at == choice.chosen + sum(choice.left_out.values())
    lines = (tmp_path / ROWS).read_text().splitlines()
    return [json.loads(line) for line in lines], choice.left_out


@pytest.mark.parametrize(
    ("item", "verdict", "why"),
    [
        (_item("no version", **GOOD), None, "quarantined: no version"),
        (Item("w", "none-1", None, "bad JSON"), None, "quarantined: bad JSON"),
        (_item(feedback={"score": 1}), None, "no consent, of the row or its tenant"),
        (_item(tenant="t2", feedback={"score": 1}), None, "no consent, of the row or its tenant"),
        (_item(tenant="t1", consent=False, feedback={"score": 1}), None, "consent refused"),
        (_item(consent=True), None, "rated by nobody"),
        (_item(consent=True, feedback={"score": 0.5}), None, "rated badly"),
        (_item(**GOOD), Verdict(good=False), "rated badly"),
        (_item(consent=True, feedback={"score": 0}), Verdict(good=True), "rated badly"),
        (_item(**GOOD), Verdict(declined=True), "declined by a reviewer"),
        (_item(**GOOD), Verdict(declined=True, corrected="6"), "declined by a reviewer"),
        (_item(answer=" ", **GOOD), None, "an empty answer"),
        (_item(consent=True, feedback={"score": 0, "corrected": "5 euros."}), None, "rated badly"),
    ],
)
def test_what_may_not_be_learned_has_its_reason(
    tmp_path: Path, item: Item, verdict: Verdict | None, why: str
) -> None:
    assert _chosen(tmp_path, item, verdict, tenants=("t1",)) == ([], {why: 1})


@pytest.mark.parametrize(
    ("item", "verdict", "answer"),
    [
        (_item(**GOOD), None, "5 euros."),
        (_item(tenant="t1", feedback={"score": 1}), None, "5 euros."),
        (_item(consent=True), Verdict(good=True), "5 euros."),
        (_item(consent=True, feedback={"score": 0, "corrected": "6 euros."}), None, "6 euros."),
        (_item(consent=True), Verdict(good=False, corrected="7 euros."), "7 euros."),
    ],
)
def test_what_people_found_good_or_corrected_is_learned(
    tmp_path: Path, item: Item, verdict: Verdict | None, answer: str
) -> None:
    (row,), left_out = _chosen(tmp_path, item, verdict, tenants=("t1",))
    assert left_out == {}
    assert row["messages"] == [
        {"role": "user", "content": "What does it cost?"},
        {"role": "assistant", "content": answer},
    ]
    assert (row["log_id"], row["log_window"]) == ("r1", "2026-03-01T14")


def test_earlier_answers_of_a_conversation_are_context(tmp_path: Path) -> None:
    turns = [("user", "Hi"), ("assistant", "Hello."), ("user", "What does it cost?")]
    messages = [{"role": role, "content": text} for role, text in turns]
    (row,), _ = _chosen(tmp_path, _item(messages=messages, **GOOD))
    assert [turn.get("weight", 1) for turn in row["messages"]] == [1, 0, 1, 1]


def _before(count: int) -> Before:
    conversations = [
        (f"id{n}", (Message(role="user", content=f"{n}?"), Message(role="assistant", content="A.")))
        for n in range(count)
    ]
    keys = frozenset(key for _, one in conversations for key in exchange_keys(one))
    return Before(conversations, keys)


def test_what_the_champion_learned_is_not_new_and_stands_beside(tmp_path: Path) -> None:
    known = _item(prompt=" 3? ", answer="a.", **GOOD)
    assert _chosen(tmp_path, known, before=_before(5)) == ([], {KNOWN: 1})
    rows, _ = _chosen(tmp_path, _item(**GOOD), before=_before(5), replay=0.75)
    assert [row.get("replayed") for row in rows] == [None, "id0", "id1", "id2"]
    for replay, count in ((0, 1), (0.5, 2), (1, 6), (None, 6)):
        rule: dict[str, Any] = {} if replay is None else {"replay": replay}
        rows, _ = _chosen(tmp_path, _item(**GOOD), before=_before(5), **rule)
        assert len(rows) == count, replay


def test_of_two_looks_the_worse_counts() -> None:
    both = Verdict(good=True, corrected="a").with_another(Verdict(good=False, corrected="b"))
    assert both == Verdict(good=False, corrected="a")
    assert Verdict().with_another(Verdict(declined=True)) == Verdict(declined=True)
