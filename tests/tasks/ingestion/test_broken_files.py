"""Files with a flaw in them: what is broken is said and costs itself alone, and nothing changes."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.contract_files import default_contract
from data_contracts.errors import ContractError, InputError
from data_contracts.records import Message
from tasks.ingestion.csv_records import RETURN, UNCLOSED, UNDOUBLED
from tasks.ingestion.early_look import require_enough, require_usable
from tasks.ingestion.fitting import Look, require_fitting
from tasks.ingestion.limits import Limits
from tasks.ingestion.readers import RawRow, read_rows
from tasks.ingestion.sources import resolve


def _read(path: Path, limits: Limits | None = None) -> list[RawRow]:
    limits = limits or Limits()
    return list(read_rows(resolve(str(path), None, limits), path.parent / "scratch", limits))


def _csv(tmp_path: Path, *lines: str) -> list[RawRow]:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(("question,answer", *lines)) + "\n", newline="")
    return _read(path)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('say,"5 inches', UNCLOSED),
        ('say,"so ""it"" is', UNCLOSED),
        (r'say,"say \"hi\""', UNDOUBLED),
        ('say,"a "word" here"', UNDOUBLED),
        ("say,hello\rworld", RETURN),
    ],
)
@pytest.mark.parametrize("at", [0, 20, 39])
def test_a_broken_record_of_csv_costs_itself_alone(
    tmp_path: Path, broken: str, reason: str, at: int
) -> None:
    lines = [f'q{n},"a {n}"' if n % 7 == 0 else f"q{n},a {n}" for n in range(40)]
    rows = _csv(tmp_path, *lines[:at], broken, *lines[at:])
    bad = [row for row in rows if row.value is None]
    kept = [row.value for row in rows if row.value is not None]
    assert [(row.line, row.broken) for row in bad if row.broken == reason] == [(at + 2, reason)]
    assert bad[0].raw.startswith("say,")
    # What stands right behind a mark that is not closed may look like its end.
    assert len(kept) >= 39
    assert all(
        row == {"question": f"q{(n := row['question'][1:])}", "answer": f"a {n}"} for row in kept
    )


def test_cells_over_lines_are_one_record(tmp_path: Path) -> None:
    rows = _csv(tmp_path, 'q,"one', "", 'two ""three"""', "r,s")
    assert [(row.line, row.value) for row in rows] == [
        (2, {"question": "q", "answer": 'one\n\ntwo "three"'}),
        (5, {"question": "r", "answer": "s"}),
    ]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("q,output,output\n1,2,3\n")
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["output", "output"])
    pq.write_table(table, tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.parquet"):
        with pytest.raises(InputError, match="columns have a name that another has too"):
            _read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("rows.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        ("rows.jsonl", gzip.compress(b'{"a": 1}\n', mtime=0), "packed by gzip"),
        ("rows.csv", "q,a\n1,2\n".encode("utf-16"), "UTF-16"),
        ("rows.jsonl", '{"q": "a"}\n'.encode("utf-16"), "UTF-16"),
        ("rows.jsonl", b'{\n  "q": "a"\n}\n', "JSON over several lines"),
        ("rows.jsonl", b'[\n {"q": "a"},\n {"q": "b"}\n]\n', "JSON over several lines"),
        ("rows.json", b'{\n "v": 1,\n "data": [{"q": "a"}, {"q": "b"}]\n}', "2 objects in a list"),
        ("rows.json", b'{"v": 1,\n "data": [{"q": "a"}]}', "1 objects in a list"),
    ],
)
def test_a_file_that_is_something_else_is_refused_by_its_name(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=said):
        _read(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "messages": [\n    {"role": "user", "content": "a"}\n  ]\n}\n',
        '{"messages": [{"role": "user", "content": "a"}]}',
        '[{"messages": [{"role": "user", "content": "a"}]}]',
        '[\n{"messages": [{"role": "user", "content": "a"}]}\n]',
    ],
)
def test_a_json_file_is_a_list_an_object_a_line_or_one_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.json").write_text(text)
    (row,) = _read(tmp_path / "rows.json")
    assert row.value == {"messages": [{"role": "user", "content": "a"}]}


@pytest.mark.parametrize("first", ['{"q": "a",', '["a"]', '{"q": "a"', "{"])
def test_a_broken_first_line_costs_its_row_alone(tmp_path: Path, first: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{first}\n{{"q": "b"}}\n{{"q": "c"}}\n')
    if first == "{":
        with pytest.raises(InputError, match="over several lines"):
            _read(tmp_path / "rows.jsonl")
        return
    rows = _read(tmp_path / "rows.jsonl")
    assert rows[0].broken and [row.value for row in rows[1:]] == [{"q": "b"}, {"q": "c"}]


def _columns() -> dict[str, Any]:
    narrow = pa.float32()
    return {
        "price": pa.array([0.1, None, 3.3], narrow),
        "half": pa.array([0.5, 1.25, None], pa.float16()),
        "list": pa.array([[0.7], None, []], pa.list_(narrow)),
        "inner": pa.array([{"x": 1.1}, None, {"x": None}], pa.struct({"x": narrow})),
        "map": pa.array([[("k", "v")], None, []], pa.map_(pa.string(), pa.string())),
        "made": pa.array([1_700_000_000_000, None, 5], pa.timestamp("s")),
    }


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_values_of_arrow_are_what_was_written(tmp_path: Path, form: str) -> None:
    table, path = pa.table(_columns()), tmp_path / f"rows.{form}"
    if form == "parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
            out.write_table(table)
    first, second, third = (row.value for row in _read(path))
    assert first and second and third
    assert {key: first[key] for key in ("price", "half", "list", "inner", "map")} == {
        "price": 0.1, "half": 0.5, "list": [0.7], "inner": {"x": 1.1}, "map": {"k": "v"},
    }  # fmt: skip
    assert "1700000000000" in str(first["made"])
    assert (second["price"], second["inner"], second["half"]) == (None, None, 1.25)
    assert (third["price"], third["list"], third["inner"]) == (3.3, [], {"x": None})


def test_a_time_within_a_struct_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    inner = pa.struct({"at": pa.timestamp("s")})
    pq.write_table(pa.table({"c": pa.array([{"at": 1 << 40}], inner)}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="a value that cannot be read"):
        _read(tmp_path / "rows.parquet")


def _looked(rows: list[RawRow], *, whole: bool = True) -> Look:
    return replace(require_fitting(rows, "instruction", {}, "here", str), whole=whole)


def test_a_look_at_all_rows_says_what_the_run_would() -> None:
    contract = default_contract("instruction")
    good = RawRow("f", 1, {"instruction": "q", "output": "a"})
    bad = RawRow("f", 1, {"instruction": "q"})
    require_enough(_looked([good] * 12 + [bad] * 12), contract, "here")
    with pytest.raises(ContractError, match="13 of 25 rows make no record, more than a share of"):
        require_enough(_looked([good] * 12 + [bad] * 13), contract, "here")
    with pytest.raises(ContractError, match="9 rows can be kept, and 10 are the least"):
        require_enough(_looked([good] * 9), contract, "here")
    with pytest.raises(ContractError, match="0 rows can be kept"):
        require_enough(_looked([]), contract, "here")
    require_enough(_looked([good] * 9, whole=False), contract, "here")


def test_a_look_reads_no_more_rows_than_the_run(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": 1}\n' * 20 + '{"instruction": "q", "output": "a"}\n' * 80)
    contract, limits = default_contract("instruction"), Limits()
    source = resolve(str(path), None, limits)
    found = require_usable(source, contract, {}, limits, tmp_path / "s", str)
    assert (found.rows, sum(found.unfit.values()), found.whole) == (100, 20, True)
    with pytest.raises(InputError, match="not one of the first 20 rows"):
        require_usable(source, contract, {}, limits, tmp_path / "s", str, 20)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("    total = a\n    return total + b\n", "    total = a\n    return total + b"),
        ("\n\n    return a + b\n", "    return a + b"),
        ("\treturn a", "\treturn a"),
        ("  - one\n  - two", "  - one\n  - two"),
        (" Paris ", "Paris"),
        ("\n two lines\nof prose\n\n", "two lines\nof prose"),
    ],
)
def test_an_indentation_stays_and_other_white_space_at_the_ends_goes(given: str, kept: str) -> None:
    assert Message(role="assistant", content=given).content == kept
