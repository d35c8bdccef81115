"""Reads rows from files as they come; a row that cannot be read is handed on as broken, not lost.

Formats: JSON lines, a JSON array of objects, CSV with a header, Parquet, Arrow. Only a JSON array
is held in memory as a whole, within a limit. Parquet and Arrow need pyarrow. Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from data_contracts.errors import InputError
from tasks.ingestion.arrow_values import batch_rows, require_own_names
from tasks.ingestion.csv_records import csv_records
from tasks.ingestion.cutting import damaged
from tasks.ingestion.formats import STEP, file_format
from tasks.ingestion.layout import HELD_OUT
from tasks.ingestion.limits import Limits, MiB
from tasks.ingestion.opening import copy_groups, open_bounded
from tasks.ingestion.sources import HubDataset, Part, Source, parts

_RAW_CHARACTERS = 16_004  # (or bytes) of a broken row, handed on to be redacted
_ARROW_FILE = b"ARROW1\0\0"  # before the stream, in the format that has an index behind it
_NOT_TEXT = (
    (b"version https://git-lfs", "a Git LFS pointer, not the rows", "fetch it: git lfs pull"),
    (b"\x1f\x8b", "packed by gzip", "name it so (.gz at its end), or unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard", "name it so (.zst at its end), or unpack it"),
    (b"\xff\xfe", "UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16", "save it as UTF-8"),
)
_ALONE = (b"{", b"[", b"[{")
_TURN = ("role", "from")  # one of which each turn of a conversation has
_BATCH = 256  # rows turned into Python's values at once


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row: its columns, or why it is broken and how it began. Lines count from 1."""

    source: str
    line: int
    value: dict[str, Any] | None
    broken: str = ""
    raw: str = ""


def read_rows(source: Source, scratch: Path, limits: Limits) -> Iterator[RawRow]:
    """Yield every row of a source, file by file in order of name; what is held out comes last."""
    for part in sorted(parts(source), key=lambda part: part.role in HELD_OUT):
        yield from read_part(part, scratch, limits)


def read_part(part: Part, scratch: Path, limits: Limits) -> Iterator[RawRow]:
    """Yield every row of a shard, read as its file's suffix says; lines are the whole file's."""
    if part.hub:
        yield from _hub_rows(part.hub)
        return
    ending = file_format(part.name)[0]
    if ending == ".parquet":
        yield from _parquet_rows(part, scratch)
        return
    with closing(open_bounded(part, limits)) as stream:
        if ending == ".arrow":
            yield from _arrow_rows(stream, part.name)
            return
        _require_text(stream, part)
        if ending == ".csv":
            yield from _csv_rows(stream, part.name, limits)
        elif ending == ".json":
            as_value = _is_value(stream)
            rows = _array_rows(stream, part.name, limits) if as_value else None
            yield from _not_one_around(rows or _json_lines(stream, part, limits), part.name)
        else:
            _require_lines(stream, part)
            yield from _json_lines(stream, part, limits)


def _require_text(stream: Any, part: Part) -> None:
    """Raise InputError where a file begins as something else than its name says."""
    if part.shard and part.shard.start:
        return
    for magic, what, remedy in _NOT_TEXT:
        if _peeked(stream).startswith(magic):
            raise InputError(f"this file is {what}", step=STEP, where=part.name, remedy=remedy)


def count_rows(source: Source, scratch: Path, limits: Limits | None = None) -> int:
    """Return how many rows a source holds, broken ones included (reads it all)."""
    return sum(1 for _ in read_rows(source, scratch, limits or Limits()))


def _lines(stream: BinaryIO, limit: int, first: int = 1) -> Iterator[tuple[int, bytes, bool]]:
    """Yield (line number, beginning of the line, whether it is too long)."""
    number = first - 1
    while line := stream.readline(limit):
        number += 1
        too_long = len(line) == limit and not line.endswith(b"\n")
        rest = line
        while too_long and rest and not rest.endswith(b"\n"):
            rest = stream.readline(limit)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield number, line, too_long


def _json_lines(stream: BinaryIO, part: Part, limits: Limits) -> Iterator[RawRow]:
    for number, line, too_long in _lines(stream, limits.row_bytes, part.first_line):
        if not line.strip():
            continue
        reason, value = ("row too long", None) if too_long else _parse(line)
        raw = line[:_RAW_CHARACTERS].decode("utf-8", "replace") if reason else ""
        yield RawRow(part.name, number, value, reason, raw)


def _parse(line: bytes) -> tuple[str, dict[str, Any] | None]:
    if b"\0" in line:
        return "NUL character", None
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "bad UTF-8", None
    except (ValueError, RecursionError):
        return "bad JSON", None
    return ("", value) if isinstance(value, dict) else ("not a JSON object", None)


def _over_lines(stream: Any) -> bool:
    """Tell whether a value begins that goes on over several lines."""
    text = _peeked(stream).removeprefix(b"\xef\xbb\xbf").lstrip()
    first, _, rest = text.partition(b"\n")
    first = first.rstrip()
    opens = first.startswith((b"{", b"[")) and first.endswith((b"{", b"[", b","))
    return opens and (first in _ALONE or not rest.lstrip().startswith(b"{"))


def _is_value(stream: Any) -> bool:
    """Tell whether a .json file is one value, and not an object on each line."""
    begins = _peeked(stream).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return begins == b"[" or _over_lines(stream)


def _require_lines(stream: Any, part: Part) -> None:
    """Raise InputError where lines are wanted and a value over several of them begins."""
    if _over_lines(stream) and not (part.shard and part.shard.start):
        raise InputError(
            "this file holds JSON over several lines, not an object on each line",
            step=STEP,
            where=part.name,
            remedy="name it .json, which may hold a list of objects; or write one object a line",
        )


def _array_rows(stream: BinaryIO, name: str, limits: Limits) -> Iterator[RawRow]:
    data = stream.read(limits.json_array_bytes + 1)
    if len(data) > limits.json_array_bytes:
        remedy = "convert it to JSON lines, which are read one at a time"
        raise InputError("the JSON array is too large", step=STEP, where=name, remedy=remedy)
    try:
        # Bytes that are no UTF-8 become lone surrogates, which break only the rows they are in.
        value: Any = json.loads(data.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        where = f"{name}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else name
        remedy = "repair the file; in JSON lines a single broken row would only be quarantined"
        raise InputError("not valid JSON", step=STEP, where=where, remedy=remedy) from None
    items: list[Any] = value if isinstance(value, list) else [value]
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            yield RawRow(name, number, item)
        else:
            raw = json.dumps(item, ensure_ascii=False)[:_RAW_CHARACTERS]
            yield RawRow(name, number, None, "not a JSON object", raw)


def _not_one_around(rows: Iterator[RawRow], name: str) -> Iterator[RawRow]:
    """Yield rows; InputError where a file is one object that holds the rows in a list."""
    first, second = next(rows, None), next(rows, None)
    if first and second is None:
        lists = [one for one in (first.value or {}).values() if isinstance(one, list)]
        if held := [one for one in lists if _is_rows(one)]:
            raise InputError(
                f"this file is one object, with {len(held[0]):,} objects in a list of its own",
                step=STEP,
                where=name,
                remedy="write that list itself into the file: jq '.KEY' file.json > rows.json",
            )
    yield from filter(None, (first, second))
    yield from rows


def _is_rows(values: list[Any]) -> bool:
    """Tell rows from the turns of a conversation."""
    objects = bool(values) and all(isinstance(value, dict) for value in values)
    return objects and not all(any(key in value for key in _TURN) for value in values)


def _csv_rows(stream: BinaryIO, name: str, limits: Limits) -> Iterator[RawRow]:
    header: list[str] = []
    for line, cells, broken, raw in csv_records(_lines(stream, limits.row_bytes), limits.row_bytes):
        if broken:
            yield RawRow(name, line, None, broken, raw[:_RAW_CHARACTERS])
        elif not header:
            header = [cell.strip() for cell in cells]
            require_own_names(header, name)
        elif len(cells) == len(header):
            yield RawRow(name, line, dict(zip(header, cells, strict=True)))
        else:
            reason = f"{'more' if len(cells) > len(header) else 'fewer'} columns than the header"
            yield RawRow(name, line, None, reason, ",".join(cells)[:_RAW_CHARACTERS])


def _parquet_rows(part: Part, scratch: Path) -> Iterator[RawRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = copy_groups(part, scratch)
    groups = part.shard.groups if part.shard else None
    try:
        with pq.ParquetFile(path) as file:
            chosen = list(range(*groups)) if groups else None
            batches = file.iter_batches(batch_size=_BATCH, row_groups=chosen)
            rows = chain.from_iterable(batch_rows(batch, part.name) for batch in batches)
            for number, value in enumerate(rows, part.first_line):
                yield RawRow(part.name, number, value)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(part.name, "Parquet") from error
    finally:
        if path.parent == scratch:
            path.unlink()


def _arrow_rows(stream: BinaryIO, name: str) -> Iterator[RawRow]:
    import pyarrow as pa

    if _peeked(stream).startswith(_ARROW_FILE):
        stream.read(len(_ARROW_FILE))
    number = 0
    try:
        with pa.ipc.open_stream(stream) as batches:
            for batch in batches:
                for start in range(0, batch.num_rows, _BATCH):
                    for value in batch_rows(batch.slice(start, _BATCH), name):
                        number += 1
                        yield RawRow(name, number, value)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(name, "Arrow") from error
    while stream.read(MiB):  # to the end, where the digest of it all is held to the one wanted
        pass


def _peeked(stream: Any) -> bytes:
    return stream.peek(4096)


def _hub_rows(hub: HubDataset) -> Iterator[RawRow]:
    from datasets import load_dataset

    try:
        rows: Any = load_dataset(
            hub.name, hub.config, split=hub.split, revision=hub.revision, streaming=True
        )
        for number, value in enumerate(rows, 1):
            yield RawRow(hub.part_name, number, dict(value))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the hub data set cannot be read ({type(error).__name__})",
            step=STEP,
            where=hub.name,
            remedy="name its config and split: hub:owner/name?config=main&split=train",
        ) from error
