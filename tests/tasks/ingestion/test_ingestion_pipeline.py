"""Ingestion from end to end with the real redactor and contract: every row is accounted for."""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.errors import ContractError, InputError, UnexpectedError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.snapshot.reading import (
    SnapshotReport,
    read_quarantine,
    read_records,
    read_report,
)
from tasks.ingestion import shard_work
from tasks.ingestion.limits import Limits

Run = Callable[..., SnapshotReport]
Write = Callable[..., Path]
Rows = list[dict[str, str]]
DATA = Path(__file__).resolve().parents[4] / "shared/data"


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_rows_become_a_snapshot(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    seen: list[int] = []
    report = run_ingest(write_jsonl(rows), progress=seen.append)
    assert (report.rows_in, report.kept, report.quarantined_rows) == (40, 40, 0)
    assert seen == [40]
    assert read_report(tmp_path / "out") == report
    kept = [record for _, record in read_records(tmp_path / "out")]
    outputs = {record.output for record in kept if isinstance(record, InstructionRecord)}
    assert outputs == {row["output"] for row in rows}
    train = [identity for identity, _ in read_records(tmp_path / "out", "train")]
    assert len(train) == report.splits["train"] < 40


def test_same_input_same_bytes(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    source = write_jsonl([*rows, b"broken"])
    limits = Limits(shard_rows=7)
    run_ingest(source, out=tmp_path / "one", limits=limits)
    (tmp_path / "two" / "data").mkdir(parents=True)
    (tmp_path / "two" / "data" / "train-00009.parquet").write_text("of a run that was killed")
    run_ingest(source, out=tmp_path / "two", limits=limits)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(list((tmp_path / "one" / "data").glob("train-*"))) >= 5


def test_broken_rows_are_quarantined_redacted_and_counted(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    secret = "marjorie.haldane@mail.example"
    good = [json.dumps(row).encode() for row in rows]
    good[0] = b"\xef\xbb\xbf" + good[0]
    broken = [
        f'{{"instruction": "write to {secret}'.encode(),
        b'{"instruction": "\xff\xfe", "output": "x"}',
        b'{"instruction": "a\0b", "output": "x"}',
        b'{"instruction": "a\\u0000b", "output": "x"}',
        b'{"instruction": "a\\ud800b", "output": "x"}',
        b'["a", "list"]',
        json.dumps({"instruction": f"about {secret}"}).encode(),
        json.dumps({"instruction": [7], "output": secret}).encode(),
        b'{"instruction": "' + b"long " * 1_000_000 + b'"}',
        b"[" * 100_000,
    ]
    limits = Limits(row_bytes=1_000_000)
    report = run_ingest(write_jsonl([*good, b"", *broken, *good[1:4]]), limits=limits)
    assert (report.rows_in, report.kept, report.duplicates) == (53, 40, 3)
    assert report.quarantined == {
        "bad JSON": 2,
        "bad UTF-8": 2,
        "NUL character": 2,
        "not a JSON object": 1,
        "missing output": 1,
        "instruction is a list, not text": 1,
        "row too long": 1,
    }
    aside = list(read_quarantine(tmp_path / "out"))
    assert [row["line"] for row in aside] == list(range(42, 52))
    assert all(secret not in row["row"] and len(row["row"]) <= 1000 for row in aside)
    assert sum("<EMAIL_1>" in row["row"] for row in aside) == 3


def test_no_personal_value_is_anywhere_in_the_output(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    planted = ["marjorie.haldane@mail.example", "778-62-8144", "DE89370400440532013000"]
    texts = [f"mail {planted[0]}", f"ssn {planted[1]}", f"iban {planted[2]}"]
    personal = [{"instruction": text, "output": "noted"} for text in texts]
    report = run_ingest(write_jsonl([*rows, *personal, {"instruction": texts[0]}]))
    assert report.redacted == {"EMAIL": 1, "SSN": 1, "IBAN": 1}
    everything = "".join(str(record) for _, record in read_records(tmp_path / "out"))
    everything += str(list(read_quarantine(tmp_path / "out")))
    everything += (tmp_path / "out" / "report.md").read_text()
    assert not [value for value in planted if value in everything]
    # Parquet is compressed, so its bytes are searched as well as what is read from them.
    raw = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert not [value for value in planted if value.encode() in raw]


def test_duplicates_and_leaks_are_dropped(run_ingest: Run, write_jsonl: Write, rows: Rows) -> None:
    case = "Please tell me exactly how many days a customer has to bring back wet boots."
    leak = {"instruction": f"Well: {case.upper().replace('.', ' !')} Thanks", "output": "sixty"}
    equal = {"instruction": "What closes first?", "output": "x"}
    near = {"instruction": "What closes first on Monday?", "output": "y"}
    report = run_ingest(
        write_jsonl([*rows, *rows[:5], leak, equal, near]),
        evaluation_texts=[case, "what closes first", "ok"],
    )
    assert (report.duplicates, report.contaminated, report.kept) == (5, 2, 41)


@pytest.mark.parametrize("rows_given", [0, 1, 9])
def test_too_few_rows_break_the_contract(
    run_ingest: Run, write_jsonl: Write, rows: Rows, rows_given: int
) -> None:
    with pytest.raises(ContractError, match=f"kept is {rows_given}"):
        run_ingest(write_jsonl(rows[:rows_given]))


def test_all_duplicates_break_the_contract(run_ingest: Run, write_jsonl: Write, rows: Rows) -> None:
    with pytest.raises(ContractError, match="kept is 1"):
        run_ingest(write_jsonl(rows[:1] * 50))


def test_mostly_broken_breaks_the_contract(run_ingest: Run, write_jsonl: Write, rows: Rows) -> None:
    with pytest.raises(ContractError, match="quarantined_share"):
        run_ingest(write_jsonl([*rows, *[b"broken"] * 41]))


def test_a_wrong_kind_names_the_right_one(run_ingest: Run, write_jsonl: Write, rows: Rows) -> None:
    with pytest.raises(InputError) as caught:
        run_ingest(write_jsonl(rows), kind="chat")
    assert "columns are instruction, output" in str(caught.value)
    assert "--kind instruction" in caught.value.remedy


def test_where_no_row_fits_the_rows_own_reasons_are_said(
    run_ingest: Run, write_jsonl: Write
) -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "eve@example.org"}]}
    asked = {"role": "user", "content": "Where is eve@example.org?"}
    rows = [{"messages": [asked, call]}] * 3 + [{"messages": [asked]}] * 2
    with pytest.raises(InputError) as caught:
        run_ingest(write_jsonl([*rows, b"broken"]), kind="chat")
    said = str(caught.value)
    assert "not one of the first 6 rows is of kind chat: a message calls a tool, " in said
    assert "to learn (3), fewer than two messages (2), bad JSON (1)" in said
    assert "eve@" not in said and "map" not in caught.value.remedy


def test_what_is_not_read_and_what_is_context_only_are_counted(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    def row(number: int) -> dict[str, Any]:
        ask = {"role": "user", "content": f"Where is thing {number}?", "name": "eve"}
        wrong = {"role": "assistant", "content": f"Not at {number}.", "weight": 0}
        right = {"role": "assistant", "content": f"At place {number}.", "weight": None}
        return {"messages": [ask, wrong, ask, right], "tools": "[]", "id": number, "system": None}

    source = write_jsonl(map(row, range(20)))
    report = run_ingest(source, kind="chat")
    assert report.unread == {"messages: name": 20, "other columns": 20, "tools": 20}
    assert report.context_only == 20
    page = (tmp_path / "out" / "report.md").read_text()
    assert "| tools | 20 |" in page and "| context only, not learned | 20 |" in page
    for _, record in read_records(tmp_path / "out"):
        assert [turn.target for turn in record.conversation()] == [True, False, True, True]
    strict = default_contract("chat").model_copy(update={"extra_columns": "quarantine"})
    with pytest.raises(ContractError):
        run_ingest(source, kind="chat", contract=strict, out=tmp_path / "strict")
    held = read_report(tmp_path / "strict").quarantined
    assert held == {"contract: an extra column": 20}


def test_an_unknown_column_names_those_there_are(
    run_ingest: Run, write_jsonl: Write, rows: Rows
) -> None:
    with pytest.raises(InputError, match="unknown column 'question': the columns are instruction"):
        run_ingest(write_jsonl(rows), mapping={"instruction": "question"})
    with pytest.raises(InputError, match="unknown column 'nowhere'"):
        run_ingest(write_jsonl(rows), mapping={"input": "nowhere"})
    with pytest.raises(InputError, match="no field answer"):
        run_ingest(write_jsonl(rows), mapping={"answer": "output"})


def test_a_header_that_is_data_does_not_reach_the_message(run_ingest: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a@example.com,Call 778-62-8144\nx,y\n")
    with pytest.raises(InputError) as caught:
        run_ingest(tmp_path / "rows.csv")
    assert "example.com" not in str(caught.value)
    assert "8144" not in str(caught.value)


def test_nothing_readable_is_said_so(run_ingest: Run, write_jsonl: Write) -> None:
    with pytest.raises(InputError, match="no row can be read: bad JSON"):
        run_ingest(write_jsonl([b"PK\x03\x04"] * 30))


def test_rows_can_be_limited(run_ingest: Run, write_jsonl: Write, rows: Rows) -> None:
    assert run_ingest(write_jsonl(rows), max_rows=15).rows_in == 15


def test_chats_in_sharegpt_form_are_merged_turn_by_turn(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    def share(number: int) -> dict[str, Any]:
        said = [("human", "hello"), ("human", f"a {number}"), ("gpt", "fine")]
        return {"conversations": [{"from": who, "value": what} for who, what in said]}

    run_ingest(write_jsonl(share(number) for number in range(20)), kind="chat")
    record = next(read_records(tmp_path / "out"))[1]
    assert isinstance(record, ChatRecord)
    assert [message.role for message in record.messages] == ["user", "assistant"]
    assert record.messages[0].content.startswith("hello\na ")


def test_a_folder_on_s3_is_ingested(
    run_ingest: Run, rows: Rows, tmp_path: Path, s3_server: Any
) -> None:
    prefix = secrets.token_hex(6)
    for number in range(4):
        part = "\n".join(json.dumps(row) for row in rows[number * 10 : number * 10 + 10])
        body = gzip.compress(part.encode())
        key = f"{prefix}/raw/part-{number}.jsonl.gz"
        s3_server.client.put_object(Bucket=s3_server.bucket, Key=key, Body=body)
    source = f"s3://{s3_server.bucket}/{prefix}/raw"
    report = run_ingest(source, s3_endpoint=s3_server.endpoint_url)
    assert report.kept == 40
    assert list(report.sources) == [f"part-{number}.jsonl.gz" for number in range(4)]
    assert not (tmp_path / "out" / ".sources").exists()


REAL = [
    ("instructions/instruction-data.json", "instruction", {}),
    ("chitchat/conversations.jsonl.gz", "chat", {}),
    ("gsm8k/train.jsonl", "instruction", {"instruction": "question", "output": "answer"}),
    ("instructions/instruction-data-with-preference.json", "preference", {"prompt": "instruction"}),
]


@pytest.mark.skipif(not DATA.exists(), reason="the shared real data is not here")
@pytest.mark.parametrize(("name", "kind", "mapping"), REAL)
def test_real_data_needs_no_special_code(
    run_ingest: Run, name: str, kind: str, mapping: dict[str, str]
) -> None:
    report = run_ingest(DATA / name, kind=kind, mapping=mapping, max_rows=60)
    assert report.rows_in == 60
    assert report.kept > 50


@pytest.mark.parametrize("error", [ValueError("could not read a@example.org"), OSError("full")])
def test_a_readers_own_error_quotes_no_row(
    run_ingest: Run,
    rows: list[dict[str, str]],
    write_jsonl: Write,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def broken(*_: Any) -> Iterator[Any]:
        raise error
        yield

    monkeypatch.setattr(shard_work, "read_part", broken)
    with pytest.raises((UnexpectedError, OSError)) as told:
        run_ingest(write_jsonl(rows))
    assert "example" not in "".join(traceback.format_exception(told.value))
    assert isinstance(told.value, OSError) == isinstance(error, OSError)
