"""Rows 40 to 44 and 46: files and rows that no snapshot may be made of, or not as they are.

Row 45, planted values in every store, is in `test_no_personal_data_anywhere`.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import Privacy
from data_contracts.errors import ContractError, InputError
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.snapshot.reading import (
    SnapshotReport,
    read_quarantine,
    read_records,
    read_report,
)
from tasks.ingestion.limits import Limits
from tests.benchmarks.redaction.evasions import Evasion, generated, handwritten

Run = Callable[..., SnapshotReport]
Write = Callable[..., Path]
Rows = list[dict[str, str]]
MiB = 1 << 20


def accounted_for(report: SnapshotReport, rows_in: int) -> bool:
    return report.rows_in == rows_in == sum(report.fates.values())


@pytest.mark.parametrize("case", ["empty", "one row", "all duplicates"])
def test_row_40_too_little_data_fails_the_contract(
    case: str, run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    given = {"empty": [], "one row": rows[:1], "all duplicates": rows[:1] * 500}[case]
    with pytest.raises(ContractError, match=f"kept is {min(1, len(given))}"):
        run_ingest(write_jsonl(given))
    # What is left is for people to look at; the step above it makes no snapshot of that.
    assert read_report(tmp_path / "out").kept == min(1, len(given))


def test_row_41_columns_and_types_that_do_not_fit_are_quarantined_with_the_reason(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    many = [{**row, "output": f"{row['output']} {n}"} for n in range(8) for row in rows]
    extra = [{**row, "instruction": row["instruction"] + "!", "source": "web"} for row in rows[:3]]
    bad = [{"instruction": "no answer"}, {"instruction": "a list", "output": ["x"]}, {"output": 5}]
    report = run_ingest(write_jsonl([*many, *extra, *bad]))
    assert accounted_for(report, len(many) + 6)
    assert report.quarantined_rows == 3
    reasons = {row["line"]: row["reason"] for row in read_quarantine(tmp_path / "out")}
    assert sorted(reasons) == [len(many) + 4, len(many) + 5, len(many) + 6]
    assert reasons[len(many) + 4] == "missing output"
    assert reasons[len(many) + 5] == "output is a list, not text"


def test_row_41_an_extra_column_is_quarantined_where_the_contract_says_so(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    """Public data sets carry columns that nobody trains on, so the default ignores them."""
    rows[0] = {**rows[0], "customer": "C-1"}  # the contract reads it, so it is none
    extra = {"instruction": "add 99 and one", "output": "it is 100", "source": "web"}
    privacy = Privacy(subject="customer")
    usual = default_contract("instruction").model_copy(update={"privacy": privacy})
    source = write_jsonl([*rows, extra])
    assert usual.extra_columns == "ignore"
    assert run_ingest(source, contract=usual).kept == len(rows) + 1
    strict = usual.model_copy(update={"extra_columns": "quarantine"})
    report = run_ingest(source, contract=strict)
    assert accounted_for(report, len(rows) + 1)
    assert report.quarantined == {"contract: an extra column": 1}
    (held,) = read_quarantine(tmp_path / "out")
    assert held["line"] == len(rows) + 1 and "add 99" in held["row"]
    assert run_ingest(source, contract=strict, released=frozenset({held["id"]})).kept == 41


def test_row_42_broken_bytes_and_a_line_of_50_mb_are_quarantined_in_bounded_memory(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    good = [json.dumps(row).encode() for row in rows]
    good[0] = b"\xef\xbb\xbf" + good[0]  # a byte order mark is no harm
    many = [*good, *(line.replace(b"it is", b"so it is") for line in good[1:])]
    bad = [
        b'{"instruction": "\xff\xfe", "output": "x"}',
        b'{"instruction": "a\0b", "output": "x"}',
        b'{"instruction": "' + b"long " * (10 * MiB) + b'", "output": "x"}',
    ]
    source = write_jsonl([*many, *bad])
    assert source.stat().st_size > 50 * MiB
    run_ingest(write_jsonl(rows, "few.jsonl"), out=tmp_path / "warm")  # libraries are loaded once
    tracemalloc.start()
    report = run_ingest(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * MiB  # less than the line
    assert accounted_for(report, len(many) + 3)
    assert report.kept == len(many)
    assert report.quarantined == {"bad UTF-8": 1, "NUL character": 1, "row too long": 1}


def test_row_42_a_cut_gzip_is_refused_as_a_whole(run_ingest: Run, tmp_path: Path) -> None:
    """What was cut off may be anything, so that nothing of the file can be accounted for."""
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"instruction": "a", "output": "b"}\n' * 5000)[:-9])
    with pytest.raises(InputError, match="archive cannot be read"):
        run_ingest(path)


def test_row_43_a_bomb_is_refused_in_bounded_memory(run_ingest: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(200):
            file.write(b" " * MiB)
    tracemalloc.start()
    with pytest.raises(InputError, match="unpacks to more"):
        run_ingest(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * MiB


@pytest.mark.parametrize("packing", ["zip", "tar"])
def test_row_43_archives_with_members_are_never_unpacked(
    packing: str, run_ingest: Run, tmp_path: Path
) -> None:
    """So neither `../` nor a bomb in one can do anything."""
    folder = tmp_path / "in"
    folder.mkdir()
    line = b'{"instruction": "a", "output": "b"}\n'
    path = folder / f"rows.{packing}"
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../escaped.jsonl", line)
    else:
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("../escaped.jsonl")
            member.size = len(line)
            tar.addfile(member, io.BytesIO(line))
    for given in (path, folder):
        with pytest.raises(InputError):
            run_ingest(given)
    assert list(tmp_path.rglob("escaped*")) == []


def test_row_43_a_link_that_leads_out_of_the_folder_is_refused(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "rows.jsonl").symlink_to(write_jsonl(rows))
    with pytest.raises(InputError, match="leads out of the folder"):
        run_ingest(folder)


def test_row_44_disguised_values_are_in_no_kept_and_no_quarantined_row(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    every: list[Evasion] = [*generated(), *handwritten()]
    cases = [one for one in every if "\0" not in one.text]  # those rows are quarantined anyway
    given = [{"instruction": f"note {n}", "output": one.text} for n, one in enumerate(cases)]
    broken = [
        {"instruction": f"note {n}", "answer": one.text}
        for n, one in enumerate(cases)
        if n % 60 == 0
    ]
    run_ingest(write_jsonl([*given, *broken]), limits=Limits(beginning_characters=20_000))
    kept: dict[str, str] = {}
    for _, record in read_records(tmp_path / "out"):
        assert isinstance(record, InstructionRecord)
        kept[record.instruction] = record.output
    left = [
        case.text
        for n, case in enumerate(cases)
        if case.text[case.start : case.end] in kept.get(f"note {n}", "")
    ]
    assert len(left) <= 0.02 * len(cases), left
    aside = list(read_quarantine(tmp_path / "out"))
    assert len(aside) == len(broken)
    whole = [
        case.text
        for case in cases[::60]
        if case.end - case.start > 6
        and any(json.dumps(case.text[case.start : case.end])[1:-1] in row["row"] for row in aside)
    ]
    assert len(whole) <= 1, whole


def test_row_46_evaluation_cases_do_not_reach_training(
    run_ingest: Run, write_jsonl: Write, rows: Rows, tmp_path: Path
) -> None:
    case = "Please tell me exactly how many days a customer has to bring back wet hiking boots."
    words = case.split()
    leaks = [
        {"instruction": f"{n} apples", "output": " ".join(words[n : n + 13])} for n in range(4)
    ]
    close = {"instruction": "fine", "output": " ".join(words[:12])}
    report = run_ingest(write_jsonl([*rows, *leaks, close]), evaluation_texts=[case])
    assert accounted_for(report, len(rows) + 5)
    kept = "".join(str(record) for _, record in read_records(tmp_path / "out"))
    thirteen = [" ".join(words[n : n + 13]) for n in range(len(words) - 12)]
    assert report.contaminated == len(leaks) == len(thirteen)
    assert [row for row in thirteen if row in kept] == []
    assert close["output"] in kept
