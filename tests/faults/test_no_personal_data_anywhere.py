"""Fault 45: personal data in the rows reaches no store, log, artifact, report or error message.

Searches every byte that a run of the main job left in its home, and what it printed, for the values
that the rows hold. Databases, Parquet files and archives are opened, and the values are looked for
as they may be written, too: escaped, quoted, in base64, without their spaces.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
SQLITE, PARQUET = b"SQLite format 3\0", b"PAR1"
GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK"
# The demo's own raw rows, made up and written there to be read as a source: the only raw data that
# a home may hold, and only after a run of the demo.
RAW = "demo"


def spellings(value: str) -> set[bytes]:
    """Return the ways in which a value may stand in a file, in lower case where case may vary."""
    plain = value.encode()
    found = {plain, value.replace(" ", "").encode(), value.encode("utf-16-le")}
    found |= {json.dumps(value)[1:-1].encode(), quote(value).encode(), quote_plus(value).encode()}
    for shift in range(3):
        # Base64 of a longer text that holds the value: only whole groups of three are certain.
        coded = base64.b64encode(b"\0" * shift + plain)
        found.add(coded[4 if shift else 0 : len(coded) // 4 * 4 - 4])
    return {spelling for spelling in found if len(spelling) >= 8}


def contents(home: Path, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (where, bytes) of everything in a home, as it lies there and opened."""
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        yield f"the name {name}", name.encode()
        if path.is_file() and not name.startswith(f"{RAW}/"):
            data = path.read_bytes()
            yield name, data
            yield from opened(path, name, data, scratch)


def opened(path: Path, name: str, data: bytes, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is inside a file of a kind that keeps its text from being found as it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if data.startswith(SQLITE):
        yield from rows_of(path, name, scratch)
    elif data.startswith(PARQUET) and data != PARQUET:  # which a stage that failed begins with
        table = pq.read_table(pa.BufferReader(data))
        yield f"{name} (rows)", repr(table.to_pylist()).encode()
        yield f"{name} (schema)", repr(table.schema.metadata).encode()
    elif data.startswith(GZIP):
        yield f"{name} (unpacked)", gzip.decompress(data)
    elif data.startswith(ZSTD):
        yield f"{name} (unpacked)", pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    elif data.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield f"{name} ({member})", archive.read(member)


def rows_of(path: Path, name: str, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each table of a database as text; long values lie in pieces in the file itself."""
    copy = scratch / path.name
    for suffix in ("", "-wal"):
        if (beside := path.with_name(path.name + suffix)).is_file():
            shutil.copyfile(beside, f"{copy}{suffix}")
    with closing(sqlite3.connect(copy)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            lines = database.execute(f'SELECT * FROM "{table}"').fetchall()
            cells = (cell for line in lines for cell in line)
            texts = (cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
            yield f"{name} ({table})", b"\n".join(texts)


def places_of(value: str, everything: list[tuple[str, bytes]]) -> list[str]:
    wanted = spellings(value)
    return [name for name, data in everything if any(spelling in data for spelling in wanted)]


@pytest.fixture(scope="module")
def everything(
    planted_run: tuple[Path, Ended], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, bytes]]:
    home, ended = planted_run
    printed = [("standard output", ended.stdout.encode()), ("errors", ended.stderr.encode())]
    return [*contents(home, tmp_path_factory.mktemp("databases")), *printed]


def test_the_rows_hold_what_is_searched_for(planted: dict[str, str], planted_rows: Path) -> None:
    raw = [("rows", planted_rows.read_bytes())]
    assert [kind for kind, value in planted.items() if not places_of(value, raw)] == []


@pytest.mark.parametrize("wrap", [json.dumps, quote, repr])
@pytest.mark.parametrize("shift", range(3))
def test_the_search_sees_through_coding(
    planted: dict[str, str], wrap: Callable[[str], str], shift: int
) -> None:
    for value in planted.values():
        wrapped = wrap("x" * shift + f" {value} and more text after it")
        for coded in (wrapped.encode(), base64.b64encode(wrapped.encode())):
            if wrap is not quote or coded == wrapped.encode():
                assert places_of(value, [("here", coded)]) == ["here"]


def test_the_search_sees_into_every_store(everything: list[tuple[str, bytes]]) -> None:
    """What may be there is found: a kept row's text, placeholders, answers in MLflow, logs."""

    def holding(text: str, file: str) -> bool:
        return any(text.encode() in data for name, data in everything if name.startswith(file))

    assert holding("Shelf 12 has 15.", "store/snapshot/")
    assert holding("<EMAIL_1>", "store/snapshot/")
    assert holding("oops, write to <EMAIL_1>", "store/snapshot/")
    assert holding("2/7 ingest", "prefect.db (log)")
    assert holding("shelves-candidate", "mlflow.db (model_versions)")
    assert holding("REFUSED", "prefect.db (artifact)")
    assert holding("Answers, second look", "mlflow.db (")


def test_row_45_no_planted_value_is_anywhere(
    planted: dict[str, str], everything: list[tuple[str, bytes]]
) -> None:
    found = {kind: places_of(value, everything) for kind, value in planted.items()}
    assert {kind: places for kind, places in found.items() if places} == {}


def test_row_45_no_part_of_a_name_is_anywhere(everything: list[tuple[str, bytes]]) -> None:
    for part in ("Bartholomew", "Kingsley", "Orchard Hill", "quillmark", "Zk39QpLw77"):
        assert places_of(part, everything) == [], part


def test_row_45_an_error_does_not_quote_the_row_it_is_about(
    tmp_path: Path,
    paddock: Run,
    make_home: Callable[[Path], Path],
    planted: dict[str, str],
    run_words: list[str],
) -> None:
    """The header of a CSV file without one is its first row, so a column's name is a person's."""
    source = tmp_path / "people.csv"
    source.write_text(
        f"{planted['name']},{planted['email']},{planted['phone']}\n"
        f"Ada Byron,ada@quillmark.example,{planted['card']}\n"
    )
    home = make_home(tmp_path / "home")
    words = [*run_words, "--source", str(source), "--mapping", "messages=talk"]
    ended = paddock(home, *words)
    assert ended.returncode == 2
    assert "unknown column 'talk': the columns are <PERSON_1>, <EMAIL_1>" in ended.stderr
    stores = [*contents(home, tmp_path), ("errors", ended.stderr.encode())]
    stores.append(("standard output", ended.stdout.encode()))
    kinds = ("name", "email", "phone", "card")
    assert {kind: places_of(planted[kind], stores) for kind in kinds} == {k: [] for k in kinds}
