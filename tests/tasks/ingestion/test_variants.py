"""Rows that a model wrote: sifted, told by their origin, held out with it, forgotten with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.errors import InputError
from data_contracts.snapshot.reading import SnapshotReport, read_quarantine, read_rows
from tasks.ingestion.assembly import NEARLY, SAME
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.subjects import subject_hash
from tasks.ingestion.variants import (
    FIGURES,
    LEAK,
    MEANING,
    NO_QUESTION,
    Question,
    read_questions,
    rows_of,
    sift,
)

Ingest = Callable[..., SnapshotReport]
COUNT = 60  # rows, so that every split has some


def contract(**changed: Any) -> Any:
    given = default_contract("chat")
    return given.model_copy(update={"synthetic": "synthetic", **changed})


def chat(question: str, answer: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, **more}


def originals() -> list[dict[str, Any]]:
    return [
        chat(
            f"What does the Tarn tent number {n} cost?", f"It costs {n + 100} euros.", owner=f"C{n}"
        )
        for n in range(COUNT)
    ]


def write(folder: Path, **files: Sequence[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in files.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    return folder


@pytest.fixture
def snapshot(run_ingest: Ingest, tmp_path: Path) -> Path:
    """Return the snapshot of the originals alone."""
    owned = default_contract("chat").model_copy(update={"privacy": _owner()})
    run_ingest(write(tmp_path / "source", rows=originals()), "chat", contract=owned)
    return (tmp_path / "out").rename(tmp_path / "snapshot")


def _owner() -> Any:
    return default_contract("chat").privacy.model_copy(update={"subject": "owner"})


def near(one: Sequence[str], other: Sequence[str]) -> list[float]:
    """Tell texts apart by whether they share `far`."""
    return [0.1 if "far" in text else 0.9 for text in other]


def test_only_rows_to_train_on_are_asked_about(snapshot: Path) -> None:
    questions = read_questions(snapshot)
    train = [row for row in read_rows(snapshot) if row["split"] == "train"]
    assert [one.id for one in questions] == [row["id"] for row in train]
    assert 0 < len(train) < COUNT
    assert questions[0].text.startswith("What does the Tarn tent")
    assert questions[0].subject


def test_each_wording_falls_to_its_own_reason(snapshot: Path, tmp_path: Path) -> None:
    one, other, *_ = read_questions(snapshot)
    number = one.text.split()[-2]
    good = f"How much do I pay for Tarn tent number {number}?"
    leaked = f"Tell me, is the price of tarn tent number {number} known?"
    told = [
        (one, good),
        (one, one.text),
        (one, good),
        (one, "Here they are:"),
        (one, "..."),
        (one, f"The Tarn tent number {number} is dear."),
        (one, "What does the Tarn tent number 999 cost?"),
        (one, f"What does the tent number {number} cost?"),
        (one, f"What far thing is Tarn tent number {number}?"),
        (one, leaked),
        (other, other.text.replace("What does", "So what does")),
    ]
    leaks = EvaluationTexts([("desk", leaked)])
    place = tmp_path / "seen.sqlite"
    found = sift(snapshot, told, leaks, near, 0.6, place, threshold=0.8)
    assert [variant.record.messages[0].content for variant in found.kept[:1]] == [good]
    assert found.kept[0].record.messages[1].content == one.turns[1].content
    assert len(found.kept) + sum(found.dropped.values()) == len(told)
    expected = {SAME: 2, NO_QUESTION: 3, FIGURES: 2, MEANING: 1, LEAK: 1}
    assert {why: n for why, n in found.dropped.items() if why != NEARLY} == expected


@pytest.mark.parametrize("person", ["<PERSON_1>", "<PERSON_3f2a91c05b7e6d18>"])
def test_a_wording_keeps_the_placeholders_of_a_row_and_of_a_data_set(
    run_ingest: Ingest, tmp_path: Path, person: str
) -> None:
    rows = [chat(f"Is {person} in, number {n}?", f"Yes, in room {n}.") for n in range(COUNT)]
    run_ingest(write(tmp_path / "source", rows=rows), "chat")
    [one, *_] = read_questions(tmp_path / "out")
    kept, lost = (one.text.replace("Is ", words) for words in ("Say, is ", "Say, who is "))
    told = [(one, kept), (one, lost.replace(person, "<PERSON_2>"))]
    place = tmp_path / "seen.sqlite"
    found = sift(tmp_path / "out", told, EvaluationTexts([]), near, 0.6, place, threshold=1.0)
    assert [variant.record.messages[0].content for variant in found.kept] == [kept]
    assert found.dropped == {FIGURES: 1}


def test_a_near_copy_of_a_long_question_is_dropped(run_ingest: Ingest, tmp_path: Path) -> None:
    words = " ".join(f"thing{n % 7} word{n}" for n in range(30))
    long = [chat(f"Is the {words} of shelf{n} right?", f"{words} {n}.") for n in range(12)]
    run_ingest(write(tmp_path / "source", rows=long), "chat")
    [question, *_] = read_questions(tmp_path / "out")
    told = [(question, question.text.replace("Is the", "Is the very"))]
    place = tmp_path / "seen.sqlite"
    found = sift(tmp_path / "out", told, EvaluationTexts([]), near, 0.6, place, threshold=0.8)
    assert found.dropped == {NEARLY: 1}


def test_what_a_model_made_of_a_row_is_ingested_with_it(
    run_ingest: Ingest, snapshot: Path, tmp_path: Path
) -> None:
    questions = read_questions(snapshot)
    told = [
        (one, one.text.replace("What does", "How dear is").replace(" cost", ""))
        for one in questions
    ]
    place = tmp_path / "seen.sqlite"
    found = sift(snapshot, told, EvaluationTexts([]), near, 0.6, place, threshold=0.8)
    assert len(found.kept) == len(questions)
    written = list(rows_of(found.kept, "owner"))
    held = next(row for row in read_rows(snapshot) if row["split"] != "train")
    written.append(chat("How dear is that one?", "It is dear.", synthetic=held["id"]))
    source = write(tmp_path / "source", rows=originals(), variants=written)
    report = run_ingest(source, "chat", contract=contract(privacy=_owner()))
    rows = {row["id"]: row for row in read_rows(tmp_path / "out")}
    made = [row for row in rows.values() if row["synthetic"]]
    assert report.synthetic == len(made) == len(written)
    assert report.notes == ()
    for row in made:
        origin = rows[row["synthetic"]]
        assert row["split"] == origin["split"]
        assert row["subject"] in (origin["subject"], "")
    assert {row["split"] for row in made} == {"train", held["split"]}
    assert sum(bool(row["subject"]) for row in made) == len(questions)
    gone = questions[0]
    left = run_ingest(
        source,
        "chat",
        contract=contract(privacy=_owner()),
        forgotten=frozenset({gone.subject}),
    )
    assert left.forgotten == 2  # the row, and what was made of it
    assert left.synthetic == report.synthetic - 1


def test_a_row_that_names_no_origin_is_held_back_and_a_stray_is_said(
    run_ingest: Ingest, tmp_path: Path
) -> None:
    stray = chat("How dear is it?", "Very dear.", synthetic="ab" * 32)
    nameless = chat("How cheap is it?", "Not cheap.", synthetic="me")
    source = write(tmp_path / "source", rows=[*originals(), stray, nameless])
    report = run_ingest(source, "chat", contract=contract())
    assert report.synthetic == 1
    [note] = report.notes
    assert "made of 1 rows that are not here" in note
    [row] = read_quarantine(tmp_path / "out")
    assert "names no row's id" in row["reason"]
    ids = {row["id"]: row["synthetic"] for row in read_rows(tmp_path / "out")}
    assert sorted(ids.values())[-1] == "ab" * 32


def test_without_the_contract_s_word_a_snapshot_is_as_it_ever_was(
    run_ingest: Ingest, tmp_path: Path
) -> None:
    report = run_ingest(write(tmp_path / "source", rows=originals()), "chat")
    assert "synthetic" not in report.model_dump()
    assert all("synthetic" not in row for row in read_rows(tmp_path / "out"))


def test_a_plain_key_is_hashed_though_a_model_wrote_the_row(
    run_ingest: Ingest, tmp_path: Path
) -> None:
    one = chat("How dear is it?", "Very dear.", synthetic="ab" * 32, owner="C1")
    source = write(tmp_path / "source", rows=[*originals(), one])
    run_ingest(source, "chat", contract=contract(privacy=_owner()))
    subjects = [row["subject"] for row in read_rows(tmp_path / "out") if row["synthetic"]]
    assert subjects == [subject_hash("C1", b"key")]


def test_a_snapshot_in_which_nobody_asks_is_refused(run_ingest: Ingest, tmp_path: Path) -> None:
    rows = [{"text": f"A shelf number {n} of its own."} for n in range(12)]
    run_ingest(write(tmp_path / "source", rows=rows), "document")
    with pytest.raises(InputError, match="no row to train on in which somebody asks"):
        read_questions(tmp_path / "out")


def test_only_the_last_answered_turn_is_varied() -> None:
    turns = ("user", "assistant", "user", "assistant", "user")
    from data_contracts.records import Message

    talk = tuple(Message(role=role, content=f"{n}.") for n, role in enumerate(turns))  # type: ignore[arg-type]
    asked = Question("", "", talk, 2).asked_as("again?")
    assert [turn.content for turn in asked.messages] == ["0.", "1.", "again?", "3.", "4."]
