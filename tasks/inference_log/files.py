"""What a window's log files hold: JSON lines, plain or packed, and Parquet, as servers write them.

Takes a stream of bytes, whatever they are, and says what could not be read; holds no more than a
row, or a batch of a Parquet file's. Parquet and zstd need pyarrow. Writes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from pydantic_core import from_json

from data_contracts.inference_log import LogRow

MAX_ROW_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 64 << 30
LINES = (".jsonl", ".ndjson")
ENDINGS = (*(f"{plain}{packed}" for plain in LINES for packed in ("", ".gz", ".zst")), ".parquet")
UNFINISHED = "last line unfinished (still being written)"
_GZIP = 31  # zlib's word for a gzip header
_CHUNK = 1 << 20
_DAMAGED = {
    ".gz": "no gzip file, or a damaged one",
    ".zst": "no zstd file, or a damaged one",
    ".parquet": "no Parquet file, or a damaged one",
}


class Entry(NamedTuple):
    """A row of a file; or why it is none, with the bytes that were to be one."""

    value: dict[str, Any] | None
    reason: str = ""
    raw: bytes = b""


def entries(name: str, stream: BinaryIO, most: int = MAX_UNPACKED_BYTES) -> Iterator[Entry]:
    """Yield what a file holds, as the ending of its name says; of what is damaged what can be."""
    found = rows_or_entries(name, stream, lambda line: None, most)
    return (entry for entry in found if isinstance(entry, Entry))


def rows_or_entries(
    name: str,
    stream: BinaryIO,
    known: Callable[[bytes], LogRow | None],
    most: int = MAX_UNPACKED_BYTES,
) -> Iterator[Entry | LogRow]:
    """Yield what a file holds; a line that is `known` comes as its row."""
    return _parquet(stream) if name.endswith(".parquet") else _lines(name, stream, most, known)


def _lines(
    name: str, stream: BinaryIO, most: int, known: Callable[[bytes], LogRow | None]
) -> Iterator[Entry | LogRow]:
    problem: list[str] = []
    last = b""
    for whole, line in _cut(_unpacked(name, stream, most, problem)):
        if not whole:
            last = line
        elif len(line) <= MAX_ROW_BYTES and (row := known(line)) is not None:
            yield row
        elif line.strip():
            yield _parsed(line)
    if last.strip():
        entry = _parsed(last)
        if entry.value is None:
            problem = [one for one in problem if one != UNFINISHED]
            entry = Entry(None, UNFINISHED, last)
        yield entry
    for reason in problem:
        yield Entry(None, reason)


def _parsed(line: bytes) -> Entry:
    if len(line) > MAX_ROW_BYTES:
        return Entry(None, "row too long", line)
    try:
        value = from_json(line.decode(), allow_inf_nan=False)
    except UnicodeDecodeError:
        return Entry(None, "bad UTF-8", line)
    except ValueError:
        return Entry(None, "bad JSON", line)
    return Entry(value) if isinstance(value, dict) else Entry(None, "not a JSON object", line)


def _cut(chunks: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Yield (whether it ended, line); of a line that is too long no more than tells that it is."""
    rest, first = b"", True
    for given in chunks:
        chunk = given.removeprefix(b"\xef\xbb\xbf") if first else given
        first = False
        head, *others = chunk.split(b"\n")
        rest = rest + head if len(rest) <= MAX_ROW_BYTES else rest
        for line in others:
            yield True, rest
            rest = line
    yield False, rest


def _unpacked(name: str, stream: BinaryIO, most: int, problem: list[str]) -> Iterator[bytes]:
    """Yield a file's bytes unpacked, as far as they go; `problem` gets what is wrong with it."""
    ending = next((one for one in (".gz", ".zst") if name.endswith(one)), "")
    chunks = {".gz": _gunzip, ".zst": _unzstd}.get(ending, _plain)(stream)
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > most:
                problem.append(f"file of more than {most >> 20} MiB")
                return
            yield chunk
    except EOFError:
        problem.append(UNFINISHED)
    except (OSError, zlib.error):
        if not ending:
            raise  # the disk's, not the file's
        problem.append(_DAMAGED[ending])


def _plain(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _gunzip(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what is packed, member after member: a server that appends writes several."""
    member, data = zlib.decompressobj(_GZIP), b""
    begun = False
    while data or (data := stream.read(_CHUNK)):
        if not begun and not data.strip(b"\0"):
            data = b""  # what tape and block devices fill up with
            continue
        chunk = member.decompress(data if begun else data.lstrip(b"\0"), _CHUNK)
        begun, data = True, member.unconsumed_tail
        yield chunk
        if member.eof:
            data, member, begun = member.unused_data, zlib.decompressobj(_GZIP), False
    if begun:
        while chunk := member.decompress(b"", _CHUNK):
            yield chunk
        if not member.eof:
            raise EOFError


def _unzstd(stream: BinaryIO) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd") as unpacked:
        while chunk := unpacked.read(_CHUNK):
            yield chunk


def _parquet(stream: BinaryIO) -> Iterator[Entry]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(stream) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    yield Entry(row)
    except (pa.ArrowException, OSError, ValueError):
        yield Entry(None, _DAMAGED[".parquet"])
