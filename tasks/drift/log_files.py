"""What a window's log files hold: JSON lines, plain or packed, and Parquet, as servers write them.

Takes bytes, whatever they are, and says what could not be read. Parquet and zstd need pyarrow.
Writes nothing.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydantic_core import from_json

MAX_ROW_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 1 << 30
LINES = (".jsonl", ".ndjson")
ENDINGS = (*(f"{plain}{packed}" for plain in LINES for packed in ("", ".gz", ".zst")), ".parquet")
UNFINISHED = "last line unfinished (still being written)"
_GZIP = 31  # zlib's word for a gzip header


@dataclass(frozen=True)
class Rows:
    """The rows of a file, and by reason what is none; `notes` count what is odd and no fault."""

    found: list[dict[str, Any]]
    refused: Counter[str] = field(default_factory=Counter[str])
    notes: Counter[str] = field(default_factory=Counter[str])


def read_file(name: str, data: bytes) -> Rows:
    """Read a file's rows as the ending of its name says; a damaged file is refused as one row."""
    if name.endswith(".parquet"):
        return _parquet(data)
    plain, problem = _unpack(name, data)
    rows = _lines(plain)
    if problem == UNFINISHED:
        rows.notes[UNFINISHED] = 1
    elif problem:
        rows.refused[problem] += 1
    return rows


def _lines(data: bytes) -> Rows:
    rows = Rows([])
    *whole, last = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for line in whole:
        if line.strip():
            _add(rows, _parse(line))
    if last.strip():
        value = _parse(last)
        if isinstance(value, str):
            rows.notes[UNFINISHED] += 1
        else:
            _add(rows, value)
    return rows


def _add(rows: Rows, value: dict[str, Any] | str) -> None:
    if isinstance(value, str):
        rows.refused[value] += 1
    else:
        rows.found.append(value)


def _parse(line: bytes) -> dict[str, Any] | str:
    """Return the object in a line, or why there is none."""
    if len(line) > MAX_ROW_BYTES:
        return "row too long"
    try:
        value = from_json(line.decode(), allow_inf_nan=False)
    except UnicodeDecodeError:
        return "bad UTF-8"
    except ValueError:
        return "bad JSON"
    return value if isinstance(value, dict) else "not a JSON object"


def _unpack(name: str, data: bytes) -> tuple[bytes, str]:
    """Return a file's bytes unpacked, as far as they go, and what is wrong with it."""
    if name.endswith(".gz"):
        return _collect(_gunzip(data), "no gzip file, or a damaged one")
    if name.endswith(".zst"):
        return _collect(_unzstd(data), "no zstd file, or a damaged one")
    return data, ""


def _collect(chunks: Iterator[bytes], damaged: str) -> tuple[bytes, str]:
    unpacked = bytearray()
    try:
        for chunk in chunks:
            unpacked += chunk
            if len(unpacked) > MAX_UNPACKED_BYTES:
                return bytes(unpacked), f"file of more than {MAX_UNPACKED_BYTES >> 20} MiB"
    except EOFError:
        return bytes(unpacked), UNFINISHED
    except (OSError, zlib.error):
        return bytes(unpacked), damaged
    return bytes(unpacked), ""


def _gunzip(data: bytes) -> Iterator[bytes]:
    """Yield what is packed, member after member: a server that appends writes several."""
    while data:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            chunk = member.decompress(data, 1 << 20)
            data = member.unconsumed_tail
            yield chunk
            if not chunk and not data and not member.eof:
                raise EOFError
        data = member.unused_data.lstrip(b"\0")


def _unzstd(data: bytes) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def _parquet(data: bytes) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = Rows([])
    try:
        with pq.ParquetFile(BytesIO(data)) as file:
            for batch in file.iter_batches(batch_size=1024):
                rows.found.extend(batch.to_pylist())
    except (pa.ArrowException, OSError, ValueError):
        rows.refused["no Parquet file, or a damaged one"] += 1
    return rows
