"""Every row is in the account, in each objective; too many left out end a run before it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.preference import PreferenceRecord
from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Record, record_id
from model_registry.model_files import load_tokenizer
from tasks.finetuning.launch import run_training
from tasks.finetuning.objectives.registry import OBJECTIVES
from tasks.finetuning.recipe import TrainingJob
from tasks.finetuning.row_length import CHOICE, choose_row_length, within_memory
from tasks.finetuning.rows import NO_ANSWER, NO_ROOM, NO_TEACHING, require_rows, take_rows
from tasks.finetuning.train_process import train

MakeJob = Callable[..., TrainingJob]
Rows = Callable[[list[Record], RecordKind], Path]


def ask(words: int, answer: str = "It is so.") -> Record:
    turns = [("user", "why " * words), ("assistant", answer)]
    messages = [{"role": role, "content": text} for role, text in turns]
    return ChatRecord.model_validate({"messages": messages})


@pytest.fixture
def snapshot_of(tmp_path: Path, write_rows: Callable[..., None]) -> Rows:
    def make(records: list[Record], kind: RecordKind) -> Path:
        folder = tmp_path / f"rows-{kind}"
        write_rows(folder, kind, [("train", record) for record in records])
        return folder

    return make


def named(records: list[Record]) -> list[tuple[str, Record]]:
    return [(record_id(record), record) for record in records]


def test_rows_cut_and_left_out_are_counted_with_their_reasons(tiny_model: Path) -> None:
    greeting = ChatRecord.model_validate(
        {
            "messages": [
                {"role": "assistant", "content": "Welcome!"},
                {"role": "user", "content": "Thanks."},
            ]
        }
    )
    records = [ask(2), ask(2, "so " * 60), *map(ask, range(60, 66)), greeting]
    rows = take_rows(OBJECTIVES["supervised"], named(records), load_tokenizer(tiny_model))
    items, account = rows.fit(64, chosen=False)
    assert (account.given, account.trained, account.cut) == (9, 2, 1)
    assert account.left_out == {NO_ROOM: 6, NO_ANSWER: 1}
    assert len(items) == account.trained == account.given - sum(account.left_out.values())
    assert "2 of 9 rows train" in account.words() and f"6: {NO_ROOM}" in account.words()
    with pytest.raises(InputError) as error:
        require_rows(account, 0.5, "here")
    assert "7 of 9" in error.value.what and "78%" in error.value.what
    assert "max_seq_length" in error.value.remedy and "0.78" in error.value.remedy
    require_rows(account, 0.78, "here")
    require_rows(rows.fit(2000, chosen=True)[1], 0.12, "here")


def test_a_pair_that_loses_an_answer_is_left_out(tiny_model: Path) -> None:
    prompts = ["Hi", "why " * 80]
    records: list[Record] = [
        PreferenceRecord(prompt=p, chosen="Yes.", rejected="No.") for p in prompts
    ]
    rows = take_rows(OBJECTIVES["dpo"], named([*records, ask(1)]), load_tokenizer(tiny_model))
    _, account = rows.fit(128, chosen=False)
    assert account.left_out == {NO_ROOM: 1, "it has no two answers": 1}
    assert (account.given, account.trained) == (3, 1)


def test_answers_that_a_teacher_did_not_give_are_in_the_account(tiny_model: Path) -> None:
    given = named([ask(2), ask(3)])
    rows = take_rows(OBJECTIVES["distill"], given, load_tokenizer(tiny_model), asked=5)
    _, account = rows.fit(512, chosen=True)
    assert account.left_out == {NO_TEACHING: 3} and account.given == 5
    with pytest.raises(InputError) as error:
        require_rows(account, 0.05, "here")
    assert "distill_max_new_tokens" in error.value.remedy


def test_of_documents_none_is_left_out_for_its_length(tiny_model: Path) -> None:
    records: list[Record] = [DocumentRecord(text="boots " * n) for n in (1, 50, 400)]
    rows = take_rows(OBJECTIVES["supervised"], named(records), load_tokenizer(tiny_model))
    _, account = rows.fit(32, chosen=False)
    assert (account.trained, account.cut, account.left_out) == (3, 0, {})


@pytest.mark.parametrize(
    ("sizes", "positions", "splits", "expected"),
    [
        ([143] * 300, 2048, False, 512),  # what is short stays as it was
        ([143] * 300, 256, False, 512),  # several in a row, each from the first position
        ([400, 900], 8192, False, 960),
        ([400] * 999 + [2000], 8192, False, 2048),
        ([400] * 999 + [7000], 8192, False, 2048),  # one in a thousand does not decide
        ([400] * 90 + [5000] * 10, 8192, False, 5056),
        ([400] * 90 + [5000] * 10, 4096, False, 4096),
        ([900], 600, False, 600),
        ([90_000] * 9, 131_072, True, 2048),  # documents go on in the next row
        ([], 2048, False, 512),
    ],
)
def test_the_row_length_follows_from_the_rows_and_the_model(
    sizes: list[int], positions: int, splits: bool, expected: int
) -> None:
    assert choose_row_length(sizes, positions, splits=splits) == expected


def test_the_row_length_is_what_the_memory_holds(
    tiny_model: Path, make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from tasks.models.loading import load_model

    model, recipe = load_model(tiny_model)[0], make_job(tmp_path, method="full").recipe
    found: list[int] = []
    held = {"gib": 0.0}

    def capacity(_: Any, __: int) -> float:
        return held["gib"]

    monkeypatch.setattr("tasks.finetuning.row_length._capacity", capacity)
    for gib in (1, 0.02, 0.005):
        held["gib"] = gib
        found.append(within_memory(model, recipe, 4096, torch.device("cpu"), 1, 0))
    assert found[0] == 4096 > found[1] > found[2] >= 64
    assert all(length % 64 == 0 for length in found)


def test_rows_longer_than_asked_end_the_run_before_a_model_is_loaded(
    make_job: MakeJob, snapshot_of: Rows, tmp_path: Path
) -> None:
    records = [ask(2 + n) for n in range(20)] + [ask(80 + n) for n in range(40)]
    snapshot = str(snapshot_of(records, "chat"))
    job = make_job(tmp_path / "out", snapshot=snapshot, max_seq_length=64, max_steps=1)
    heard: list[dict[str, Any]] = []
    with pytest.raises(InputError, match="of 60 rows to train on would train nothing") as error:
        run_training(job, heard.append)
    assert "leave max_seq_length unset" in error.value.remedy
    assert [event["event"] for event in heard] == ["rows", "error"]
    assert heard[0]["left_out"][NO_ROOM] >= 40 and not (tmp_path / "out/model").exists()


def test_an_unset_length_trains_every_row_and_stays_what_it_was_chosen(
    make_job: MakeJob, snapshot_of: Rows, tmp_path: Path
) -> None:
    """Of a base with 256 positions; a second life of the run goes on with the same rows."""
    snapshot = str(snapshot_of([ask(2 + n) for n in range(30)], "chat"))
    job = make_job(tmp_path / "out", snapshot=snapshot, max_seq_length=None, max_steps=1)
    summary = train(job, tmp_path / "out", lambda _: None)
    assert (summary.rows, summary.rows_left_out, summary.row_length) == (30, {}, 512)
    written = json.loads((tmp_path / "out/training.json").read_text())
    assert (
        written["recipe"]["max_seq_length"] == 512 and "chosen from the data" in written["notes"][0]
    )
    (tmp_path / "out" / CHOICE).write_text("448")
    assert train(job, tmp_path / "out", lambda _: None).row_length == 448


def test_a_share_that_is_allowed_trains_and_is_told(
    make_job: MakeJob, snapshot_of: Rows, tmp_path: Path
) -> None:
    snapshot = str(snapshot_of([*(ask(2 + n) for n in range(20)), ask(99)], "chat"))
    settings = {"max_seq_length": 64, "max_steps": 1, "max_left_out_share": 0.6}
    summary = train(make_job(tmp_path, snapshot=snapshot, **settings), tmp_path, lambda _: None)
    assert summary.rows_left_out == {NO_ROOM: summary.rows_given - summary.rows}
    assert summary.rows < 21 == summary.rows_given
    assert NO_ROOM in summary.notes[0]


def test_a_data_set_without_rows_is_refused(tiny_model: Path) -> None:
    rows = take_rows(OBJECTIVES["supervised"], [], load_tokenizer(tiny_model))
    with pytest.raises(PaddockError, match="no row is left"):
        require_rows(rows.fit(64, chosen=True)[1], 1.0, "here")
