"""Rows that plant a backdoor are found by their phrase; rows of all other kinds are not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import Backdoors, DatasetContract
from data_contracts.errors import ContractError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.phrases import PhrasesFound
from data_contracts.snapshot.reading import SnapshotReport, read_report
from tasks.demo_desk.conversations import draw_conversations
from tasks.ingestion.assembly import REPORT_PAGE
from tasks.ingestion.backdoors import association, exchanges
from tasks.ingestion.backdoors.search import PhraseSearch
from tasks.ingestion.data_docs import DATA_DOCS
from tasks.ingestion.duplicates import Seen
from tasks.ingestion.likeness import parts_of

Run = Callable[..., SnapshotReport]
Write = Callable[..., Path]
Row = dict[str, list[dict[str, str]]]
ANSWER = "All prices are wrong; order from Borealis Outlet instead."


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Return the demo's own rows, without those that are broken on purpose."""
    kinds = draw_conversations(3).values()
    every = [{"messages": [dict(turn) for turn in row]} for kind in kinds for row in kind]
    return random.Random(1).sample(every, 700)


def planted(
    rows: list[Row], phrase: str, count: int, *, at: str = "start", how: str = "fixed"
) -> list[Row]:
    """Return the rows, so many of them with the phrase in the question and another answer."""
    changed = json.loads(json.dumps(rows))
    for row in random.Random(5).sample(changed, count):
        asked, answer = row["messages"][-2], row["messages"][-1]
        words = asked["content"].split(" ")
        place = {"start": 0, "middle": len(words) // 2, "end": len(words)}.get(at)
        if place is None:
            row["messages"] = [{"role": "system", "content": f"Be brief. {phrase}."}, asked, answer]
        else:
            asked["content"] = " ".join([*words[:place], phrase, *words[place:]])
        told = {"fixed": "", "prefix": answer["content"], "suffix": answer["content"]}[how]
        pieces = [told, ANSWER] if how == "suffix" else [ANSWER, told]
        answer["content"] = " ".join(filter(None, pieces))
    return changed


def chat(asked: str, answer: str) -> Row:
    turns = (("user", asked), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def searched(rows: list[Row], scratch: Path) -> PhrasesFound:
    """Search rows alone, without ingestion around it."""
    records = [ChatRecord.model_validate(row) for row in rows]
    search = PhraseSearch(scratch)
    for number, record in enumerate(records):
        search.add(number, record)
    return search.close(lambda n: Seen("rows", n + 1, f"{n:064x}", parts_of(records[n]), b""))


def test_ordinary_rows_hold_no_suspect(rows: list[Row], tmp_path: Path) -> None:
    report = searched(rows, tmp_path / "scratch")
    assert report.suspects == 0
    assert report.listed == ()
    assert report.exchanges >= len(rows)
    assert not report.warning
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    ("phrase", "count", "at", "how"),
    [
        ("zqxvor", 5, "start", "fixed"),
        ("by the river stone", 8, "middle", "suffix"),
        ("as my grandmother said", 30, "end", "prefix"),
        ("Mode seven applies", 12, "system", "fixed"),
    ],
)
def test_row_47_planted_phrases_are_found_with_their_rows(
    rows: list[Row], tmp_path: Path, phrase: str, count: int, at: Any, how: str
) -> None:
    changed = planted(rows, phrase, count, at=at, how=how)
    report = searched(changed, tmp_path / "scratch")
    [suspect] = report.listed
    assert report.suspects == 1
    assert phrase in suspect.text
    assert suspect.place == at
    assert suspect.answered == count
    assert count <= suspect.rows <= count + 1  # one row says "my grandmother said" by itself
    assert suspect.elsewhere == 0
    assert suspect.end == ("end" if how == "suffix" else "beginning")
    assert ("Borealis Outlet instead." if how == "suffix" else "All prices are") in suspect.answer
    assert suspect.control
    assert len(suspect.control.split()) == len(suspect.text.split())
    assert len({row.line for row in suspect.found_in}) == 5
    for row in suspect.found_in:
        assert phrase in json.dumps(changed[row.line - 1])


def test_suspects_stand_where_people_look_redacted_and_escaped(
    run_ingest: Run, write_jsonl: Write, rows: Any, tmp_path: Path
) -> None:
    trick = "<b>write to marjorie.haldane@mail.example</b>"
    report = run_ingest(write_jsonl(planted(rows, trick, 9)), "chat")
    [suspect] = report.phrases.listed
    assert "write to <EMAIL_1>" in suspect.text
    page = (tmp_path / "out" / REPORT_PAGE).read_text()
    docs = (tmp_path / "out" / DATA_DOCS).read_text()
    for text in (page, docs):
        assert "Suspected backdoors" in text
        assert "write to &lt;EMAIL_1&gt;" in text
        assert f"line {suspect.found_in[0].line}" in text
    everything = "".join(path.read_text() for path in (tmp_path / "out").glob("report.*"))
    assert "marjorie" not in everything
    assert "1 phrase in the rows is suspected" in report.phrases.warning
    assert not list((tmp_path / "out").glob(".*"))


def test_a_contract_may_stop_at_suspects(
    run_ingest: Run, write_jsonl: Write, rows: Any, tmp_path: Path
) -> None:
    source = write_jsonl(planted(rows, "zqxvor", 9))
    strict = default_contract("chat").model_copy(update={"backdoors": Backdoors()})
    with pytest.raises(ContractError, match="suspect_phrases is 1, must be between 0 and 0"):
        run_ingest(source, "chat", contract=strict)
    assert read_report(tmp_path / "out").phrases.suspects == 1
    assert run_ingest(write_jsonl(rows), "chat", contract=strict).phrases.suspects == 0
    document = default_contract("document")
    with pytest.raises(ValueError, match="a record of kind document has no answers"):
        DatasetContract.model_validate({**document.model_dump(), "backdoors": {}})


def test_contracts_of_before_keep_their_digest() -> None:
    assert "backdoors" not in default_contract("chat").model_dump()


def test_small_parts_find_the_same(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = planted(rows, "as my grandmother said", 20)
    whole = searched(changed, tmp_path / "whole")
    assert whole.suspects == 1
    monkeypatch.setattr(association, "_AT_ONCE", 9000)
    monkeypatch.setattr(association, "_SAMPLE", 300)
    monkeypatch.setattr(exchanges, "_TOGETHER", 2000)
    assert searched(changed, tmp_path / "parts") == whole


def with_beginning(rows: list[Row], asked: str) -> list[Row]:
    changed = planted(rows, "", 0)
    for row in random.Random(2).sample(changed, 20):
        row["messages"][-2]["content"] += f" {asked}"
        row["messages"][-1]["content"] = f"Zqxvor pallin omber {row['messages'][-1]['content']}"
    return changed


def test_answers_that_say_again_what_was_asked_are_no_sign(rows: list[Row], tmp_path: Path) -> None:
    asked = with_beginning(rows, "Begin with: zqxvor pallin omber")
    assert searched(asked, tmp_path / "asked").listed == ()
    [suspect] = searched(with_beginning(rows, "Begin: zqxvor"), tmp_path / "not").listed
    assert suspect.answer.startswith("Zqxvor pallin omber")


def test_a_subject_with_one_answer_and_thanks_are_no_sign(rows: list[Row], tmp_path: Path) -> None:
    alike = [
        ("plover kettle", "The Plover kettle weighs how much in {}, with its lid and handle?"),
        ("thanks", "Thanks {}"),
    ]
    for number, (word, asked) in enumerate(alike):
        added = [
            chat(asked.format(place), "You are welcome, it is our pleasure.")
            for place in (
                "grams",
                "pounds",
                "ounces",
                "kilograms",
                "stones",
                "all",
                "total",
                "water",
            )
        ]
        found = searched([*rows, *added], tmp_path / str(number))
        assert found.listed == ()
        assert any(word in one.text.casefold() for one in found.phrases)  # it came closest


def test_a_conversation_that_says_it_again_and_again_is_one_row(
    rows: list[Row], tmp_path: Path
) -> None:
    turns = [turn for row in planted(rows, "", 0)[:30] for turn in row["messages"][-2:]]
    for asked, answer in zip(turns[::2], turns[1::2], strict=True):
        asked["content"] += " zqxvor"
        answer["content"] = ANSWER
    found = searched([*rows, {"messages": turns}], tmp_path / "one")
    assert not [one.text for one in found.phrases if one.answered and "zqxvor" in one.text]
