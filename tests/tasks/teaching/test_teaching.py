"""A teacher answers the rows to train on: redacted, whole answers alone, resumed where killed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.records import Message, record_id
from data_contracts.snapshot.reading import (
    REPORT,
    SnapshotReport,
    read_records,
    read_rows,
    report_json,
)
from data_contracts.snapshot.writing import SnapshotWriter
from tasks.redaction.findings import Redacted
from tasks.teaching import answers as teaching
from tasks.teaching.answers import Question, answer, read_questions, write_answers


def chat(*said: str) -> ChatRecord:
    roles = ["user", "assistant"] * len(said)
    turns = (Message.model_validate({"role": r, "content": s}) for r, s in zip(roles, said))  # noqa: B905
    return ChatRecord(messages=tuple(turns))


ROWS = [
    ("train", chat("What does the tent cost?", "89 euros.")),
    ("train", chat("Hi", "Hello!", "And the stove?", "10 euros.", "Thanks")),
    ("validation", chat("Who are you?", "A desk.")),
    ("train", chat("Write to whom?", "To me.")),
    ("test", chat("Never asked", "Never.")),
]


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    folder = tmp_path / "snapshot"
    writer = SnapshotWriter(folder, "chat", 100, lambda _: None)
    for line, (split, record) in enumerate(ROWS):
        columns = {"id": record_id(record), "redactions": "{}", "subject": f"s{line}"}
        writer.keep(columns | record.model_dump(mode="json"), split, ("rows", line), 10)  # pyright: ignore[reportArgumentType]
    writer.close()
    report = SnapshotReport(
        kind="chat",
        sources={},
        rows_in=5,
        kept=5,
        quarantined={},
        duplicates=0,
        contaminated=0,
        redacted={},
        splits=dict(writer.written),
        characters=1,
    )
    (folder / REPORT).write_text(report_json(report))
    return folder


def redact(records: list[list[str]]) -> list[Redacted]:
    found: list[Redacted] = []
    for [text] in records:
        hit = "ann@example.com" in text
        clean = [text.replace("ann@example.com", "<EMAIL_1>")]
        dropped = "SSN" if "078-05-1120" in text else None
        kinds = Counter({"EMAIL": 1}) if hit else Counter[str]()
        found.append(Redacted(clean, kinds, Counter(), dropped))
    return found


def test_the_rows_to_train_on_are_asked_up_to_their_last_answer(snapshot: Path) -> None:
    questions = list(read_questions(snapshot))
    asked = {q.turns[-1].content: len(q.turns) for q in questions}
    assert asked == {
        "What does the tent cost?": 1,
        "And the stove?": 3,
        "Who are you?": 1,
        "Write to whom?": 1,
    }


def test_answers_become_rows_that_keep_their_id_and_no_personal_value(
    snapshot: Path, tmp_path: Path
) -> None:
    questions = list(read_questions(snapshot))
    said = {
        "What does the tent cost?": "It is 89.",
        "And the stove?": "",  # came to no end
        "Who are you?": "A 078-05-1120.",
        "Write to whom?": "To ann@example.com.",
    }
    answers = [said[q.turns[-1].content] for q in questions]
    out = tmp_path / "out"
    redactor = SimpleNamespace(redact_records=redact)
    report = write_answers(out, questions, answers, redactor, {"teacher": "0"})
    assert (report.rows_in, report.kept, report.dropped_by_policy) == (4, 2, 1)
    assert report.quarantined_rows == 1 and report.redacted == {"EMAIL": 1}
    found = dict(read_records(out, "train"))
    assert [record.conversation()[-1].content for record in found.values()] == [
        "It is 89.",
        "To <EMAIL_1>.",
    ]
    assert list(found) == [record_id(ROWS[0][1]), record_id(ROWS[3][1])]
    assert [(row["subject"], row["line"]) for row in read_rows(out)] == [("s0", 0), ("s3", 3)]
    with pytest.raises(InputError, match="no answer"):
        write_answers(tmp_path / "none", questions, [""] * 4, redactor, {})


def test_a_killed_teacher_goes_on_where_it_was(
    tiny_model: Path, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "PART", 3)
    questions = list(read_questions(snapshot))

    def stop(done: int, _: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer(tiny_model, questions, tmp_path / "kept", 8, stop)
    [kept] = (tmp_path / "kept").iterdir()
    assert len(json.loads(kept.read_text())) == 3
    kept.write_text(json.dumps(["as", "it", "was"]))
    again = answer(tiny_model, questions, tmp_path / "kept", 8, _ignore)
    assert again[:3] == ["as", "it", "was"] and len(again) == 4


def test_an_answer_that_does_not_end_is_none(tiny_model: Path, tmp_path: Path) -> None:
    turns = (Message(role="user", content="What does the tent cost?"),)
    question = Question({"id": "x"}, turns)
    assert answer(tiny_model, [question], tmp_path / "kept", 1, _ignore) == [""]


def _ignore(*_: Any) -> None: ...
