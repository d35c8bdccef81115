"""Sources and readers: what can be read, what is refused, and that nothing is lost."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from data_contracts.errors import InputError, IntegrityError
from tasks.ingestion.limits import Limits
from tasks.ingestion.readers import RawRow, count_rows, read_rows
from tasks.ingestion.sources import resolve

ROWS: list[dict[str, Any]] = [{"a": f"é{n}", "b": "two\nlines" if n % 2 else "x"} for n in range(9)]


def read(path: Path, limits: Limits | None = None) -> list[RawRow]:
    return list(read_rows(resolve(str(path)), path.parent / "scratch", limits or Limits()))


def as_csv() -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["a", "b"])
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def as_lines() -> bytes:
    return "\n".join(json.dumps(row) for row in ROWS).encode()


PLAIN: dict[str, Callable[[], bytes]] = {
    "rows.jsonl": as_lines,
    "rows.NDJSON": as_lines,
    "rows.json": lambda: b"\xef\xbb\xbf \n" + json.dumps(ROWS, indent=1).encode(),
    "lines.json": as_lines,
    "rows.csv": lambda: b"\xef\xbb\xbf" + as_csv(),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("name", PLAIN)
def test_every_format_plain_and_packed(name: str, packing: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}{packing}"
    path.write_bytes(PACKERS[packing](PLAIN[name]()))
    assert [row.value for row in read(path)] == ROWS


def test_parquet_and_its_count(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    found = read(tmp_path / "rows.parquet")
    assert [row.value for row in found] == ROWS
    assert [row.line for row in found] == list(range(1, 10))
    assert count_rows(resolve(str(tmp_path)), tmp_path / "scratch") == 9


def test_csv_rows_of_another_width_are_kept_apart(tmp_path: Path) -> None:
    text = b'a,b\n1,2\n3\n\n4,5,6\n"\xff",8\n' + b"x" * 5000 + b",1\n9,10\n"
    (tmp_path / "rows.csv").write_bytes(text)
    found = read(tmp_path / "rows.csv", Limits(row_bytes=1000))
    assert [(row.line, row.broken) for row in found] == [
        (2, ""),
        (3, "fewer columns than the header"),
        (5, "more columns than the header"),
        (6, ""),
        (7, "row too long"),
        (8, ""),
    ]


def test_an_array_keeps_what_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"a": 1}, "text", null]')
    assert [row.broken for row in read(tmp_path / "rows.json")] == ["", *["not a JSON object"] * 2]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("harm", ["cut", "false", "flipped"])
def test_an_unreadable_archive_is_one_clear_error(harm: str, packing: str, tmp_path: Path) -> None:
    packed = PACKERS[packing](b'{"a": "words"}\n' * 20_000)
    broken = {
        "cut": packed[:-9],
        "false": b"this is no archive at all",
        "flipped": packed[:20] + bytes([packed[20] ^ 255]) + packed[21:],
    }[harm]
    (tmp_path / f"rows.jsonl{packing}").write_bytes(broken)
    with pytest.raises(InputError, match="archive cannot be read"):
        read(tmp_path / f"rows.jsonl{packing}")


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_bomb_is_refused_early(packing: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.jsonl{packing}"
    path.write_bytes(PACKERS[packing](b" " * 60_000_000))
    with pytest.raises(InputError, match="unpacks to more"):
        read(path, Limits(ratio_checked_from=5_000_000))
    with pytest.raises(InputError, match="unpacks to more"):
        read(path, Limits(unpacked_bytes=5_000_000))


@pytest.mark.parametrize("text", ["[1, 2", "[" * 100_000])
def test_a_broken_array_names_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(text)
    with pytest.raises(InputError, match="not valid JSON") as caught:
        read(tmp_path / "rows.json")
    assert "rows.json" in caught.value.where


def test_a_large_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    with pytest.raises(InputError, match="too large"):
        read(tmp_path / "rows.json", Limits(json_array_bytes=50))


def test_false_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and then nothing of the kind PAR1")
    with pytest.raises(InputError, match="Parquet file cannot be read"):
        read(tmp_path / "rows.parquet")


def test_what_cannot_be_a_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "model.pkl").write_text("words")
    (tmp_path / "rows.parquet.gz").write_text("words")
    for given, why in (
        (tmp_path / "missing.jsonl", "no such file"),
        (tmp_path / "notes.txt", "kind of file is not read"),
        (tmp_path / "model.pkl", "kind of file is not read"),
        (tmp_path / "rows.parquet.gz", "kind of file is not read"),
        (tmp_path, "holds no file that can be read"),
        ("ftp://host/rows.jsonl", "kind of address"),
    ):
        with pytest.raises(InputError, match=why):
            resolve(str(given))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.jsonl").write_bytes(as_lines())
    (folder / "inside.jsonl").write_bytes(as_lines())
    (folder / "within.jsonl").symlink_to(folder / "inside.jsonl")
    assert len(resolve(str(folder)).files) == 2
    (folder / "out.jsonl").symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(InputError, match="leads out of the folder"):
        resolve(str(folder))


def test_the_digest_is_that_of_the_bytes_not_of_the_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "rows.jsonl").write_bytes(as_lines())
    one, two = (resolve(str(tmp_path / name)) for name in ("one", "two"))
    assert one.digest == two.digest
    assert list(one.digests) == ["deep/rows.jsonl"]
    (tmp_path / "two" / "deep" / "rows.jsonl").write_bytes(as_lines() + b"\n{}")
    assert resolve(str(tmp_path / "two")).digest != one.digest
    # What was added after the digest was taken is not read; what was changed is an error.
    assert [row.value for row in read_rows(two, tmp_path / "scratch", Limits())] == ROWS
    (tmp_path / "two" / "deep" / "rows.jsonl").write_bytes(as_lines().replace(b"x", b"y"))
    with pytest.raises(IntegrityError, match="changed while"):
        next(read_rows(two, tmp_path / "scratch", Limits()))


def test_s3_sources(s3_server: Any, tmp_path: Path) -> None:
    put = s3_server.client.put_object
    for key in ("set/a.jsonl", "set/b.csv", "set/readme.txt", "settle/c.jsonl"):
        put(Bucket=s3_server.bucket, Key=key, Body=as_lines())
    base, endpoint = f"s3://{s3_server.bucket}", s3_server.endpoint_url
    found = resolve(f"{base}/set", endpoint)
    assert [file.name for file in found.files] == ["a.jsonl", "b.csv"]
    assert [file.uri for file in found.files] == [f"{base}/set/a.jsonl", f"{base}/set/b.csv"]
    assert found.notes == ("not read, for their format is none that is read: readme.txt",)
    one = resolve(f"{base}/set/a.jsonl", endpoint)
    assert [row.value for row in read_rows(one, tmp_path / "scratch", Limits())] == ROWS
    put(Bucket=s3_server.bucket, Key="set/a.jsonl", Body=b"changed")
    with pytest.raises(IntegrityError, match="changed while"):
        list(read_rows(one, tmp_path / "scratch", Limits()))
    for missing in (f"{base}/nothing", "s3://no-such-bucket/x"):
        with pytest.raises(InputError, match=r"nothing there|cannot be read"):
            resolve(missing, endpoint)
