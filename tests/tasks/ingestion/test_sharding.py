"""Shards: cut at line ends and row groups, read alone, and the same rows however they are cut."""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import IntegrityError
from tasks.ingestion.cutting import cut_lines
from tasks.ingestion.limits import Limits
from tasks.ingestion.readers import read_part, read_rows
from tasks.ingestion.sources import Source, parts, resolve

ROWS: list[dict[str, Any]] = [{"n": n, "text": f"é{n} " * (n % 7)} for n in range(300)]


def places(source: Source, scratch: Path) -> list[tuple[str, int, Any, str]]:
    found = read_rows(source, scratch, Limits())
    return [(row.source, row.line, row.value, row.broken) for row in found]


def write_lines(path: Path) -> Path:
    lines = [json.dumps(row).encode() for row in ROWS]
    lines[7] = b""
    lines[9] = b"broken \xff"
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    return path


def write_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=16)
    return path


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=30),
    end=st.booleans(),
    shard_bytes=st.integers(1, 40),
    chunk=st.integers(1, 50),
)
def test_cuts_fall_after_line_ends_and_lose_nothing(
    lines: list[bytes], end: bool, shard_bytes: int, chunk: int
) -> None:
    data = b"\n".join(lines) + (b"\n" if end else b"")
    chunks = [data[place : place + chunk] for place in range(0, len(data), chunk)]
    digest, shards = cut_lines("rows.jsonl", chunks, shard_bytes)
    assert digest == hashlib.sha256(data).hexdigest()
    pieces = [data[shard.start : shard.end] for shard in shards]
    assert b"".join(pieces) == data
    assert [shard.sha256 for shard in shards] == [hashlib.sha256(p).hexdigest() for p in pieces]
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    # A shard is full with the line that fills it, and no sooner.
    assert all(shard_bytes <= len(piece) for piece in pieces[:-1])
    assert all(len(piece[: piece[:-1].rfind(b"\n") + 1]) < shard_bytes for piece in pieces)
    for shard, before in zip(shards, [data[: s.start] for s in shards], strict=True):
        assert shard.first_line == before.count(b"\n") + 1
    lines_in = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert sum(shard.lines or 0 for shard in shards) == lines_in


@pytest.mark.parametrize("write", [write_lines, write_parquet])
def test_rows_and_lines_are_the_same_however_a_file_is_cut(write: Any, tmp_path: Path) -> None:
    name = "rows.jsonl" if write is write_lines else "rows.parquet"
    path = write(tmp_path / name)
    whole, cut = (resolve(str(path), limits=Limits(shard_bytes=n)) for n in (1 << 30, 1000))
    assert len(list(parts(whole))) == 1
    assert len(list(parts(cut))) > 5
    assert cut.digest == whole.digest
    assert sum(part.lines or 0 for part in parts(cut)) == 300
    expected = places(whole, tmp_path / "scratch")
    assert len(expected) == (299 if write is write_lines else 300)
    assert places(cut, tmp_path / "scratch") == expected


def test_shards_of_a_grown_file_are_the_same_shards(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl")
    limits = Limits(shard_bytes=1000)
    before = [part.identity for part in parts(resolve(str(path), limits=limits))]
    with path.open("ab") as file:
        file.write(b'\n{"n": 1}\n' * 100)
    renamed = path.rename(tmp_path / "other.jsonl")
    after = [part.identity for part in parts(resolve(str(renamed), limits=limits))]
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) > len(before)


def test_the_same_bytes_in_another_format_are_another_shard(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "rows.csv").write_bytes(b"a,b\n1,2\n")
    one, two = parts(resolve(str(tmp_path)))
    assert one.identity != two.identity


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet", "rows.jsonl.gz", "rows.json"])
def test_shards_are_read_from_s3_without_a_copy(name: str, s3_server: Any, tmp_path: Path) -> None:
    lines, parquet = write_lines(tmp_path / "l"), write_parquet(tmp_path / "p")
    body = {
        "rows.jsonl": lines.read_bytes(),
        "rows.parquet": parquet.read_bytes(),
        "rows.jsonl.gz": gzip.compress(lines.read_bytes()),
        "rows.json": json.dumps(ROWS).encode(),
    }[name]
    (tmp_path / name).write_bytes(body)
    prefix = secrets.token_hex(6)
    s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"{prefix}/{name}", Body=body)
    address = f"s3://{s3_server.bucket}/{prefix}/{name}"
    remote = resolve(address, s3_server.endpoint_url, Limits(shard_bytes=1000))
    local = resolve(str(tmp_path / name), limits=Limits(shard_bytes=1000))
    assert [part.identity for part in parts(remote)] == [part.identity for part in parts(local)]
    found = [place[1:] for place in places(remote, tmp_path / "scratch")]
    assert found == [place[1:] for place in places(local, tmp_path / "scratch")]
    assert not list((tmp_path / "scratch").glob("*"))

    other = body[:-1] + bytes([body[-1] ^ 1])
    s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"{prefix}/{name}", Body=other)
    for part in parts(remote):
        with pytest.raises(IntegrityError, match="changed while"):
            next(read_part(part, tmp_path / "scratch", Limits()))
