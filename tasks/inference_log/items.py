"""The rows of a log's files, one by one: what each is, or why it is none.

Reads the files it is given as streams. Writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_contracts.inference_log import FIELDS, LogRow, read_row, window_span
from data_contracts.log_lines import PlainRows
from data_contracts.log_values import is_plain
from tasks.inference_log.files import MAX_ROW_BYTES, Entry, rows_or_entries
from tasks.inference_log.places import LogFile, opened
from tasks.storage.objects import ObjectStore

OUTSIDE = "time outside the day"
TOO_LONG = "row too long"
_NOTHING = timedelta(0)
BEGINNING = 2000  # characters of what is no row
_MODEL = re.compile(r"(models:/)?[A-Za-z0-9][\w.:/-]{0,199}(@[\w-]{1,64})?")
NO_VERSION = "no model version (a number or a digest)"


class Item(NamedTuple):
    """A row on its way. `row` is None where there is none; `held` says why it may not be used.

    `identity` is what the same row has again; `raw` is what was to be a row.
    """

    window: str
    identity: str
    row: LogRow | None
    held: str = ""
    raw: str = ""
    unknown_fields: bool = False


def read_items(store: ObjectStore, files: Iterable[LogFile], scratch: Path) -> Iterator[Item]:
    """Yield what is in files of a log, file by file."""
    for file in files:
        with opened(store, file.key, scratch) as stream:
            yield from items_of(file, stream)


def items_of(file: LogFile, stream: BinaryIO) -> Iterator[Item]:
    """Yield what is in one file, which is open."""
    begins, length = window_span(file.window)
    for number, found in enumerate(rows_or_entries(file.key, stream, PlainRows())):
        item = _item(found, file, number) if isinstance(found, Entry) else _of_row(found, file)
        row = item.row
        if row is not None and not _NOTHING <= row.time - begins < length:
            item = _of_another_window(item, row, file)
        yield item


def _item(entry: Entry, file: LogFile, number: int) -> Item:
    row = entry.reason if entry.value is None else read_row(entry.value)
    if isinstance(row, str):
        return _none(file, number, row, _raw(entry))
    if size_of(row) > MAX_ROW_BYTES:  # of a line that was read at once its own length tells
        return _none(file, number, TOO_LONG, row.prompt[:BEGINNING])
    return _of_row(row, file, not FIELDS.issuperset(entry.value or ()))


def _of_row(row: LogRow, file: LogFile, unknown_fields: bool = False) -> Item:
    held = "" if row.names_version else NO_VERSION
    return Item(file.window, sealed_id(row.id), row, held, "", unknown_fields)


def _of_another_window(item: Item, row: LogRow, file: LogFile) -> Item:
    """Return a row that came in a file of another hour, or of another day."""
    hour = row.time.astimezone(UTC).isoformat()[:13]
    if hour[:10] != file.day:
        return item._replace(held=OUTSIDE)
    return item._replace(window=hour if "T" in file.window else file.window)


def _none(file: LogFile, number: int, reason: str, raw: str) -> Item:
    """Return what is no row; its place is part of its identity: two broken lines may be the same.

    A file that grew has its lines where they were, so they are known again.
    """
    place = f"{file.key}/{number}/{raw}".encode("utf-8", "replace")
    identity = f"none-{hashlib.sha256(place).hexdigest()[:24]}"
    return Item(file.window, identity, None, reason, raw[:BEGINNING])


def _raw(entry: Entry) -> str:
    if entry.value is None:
        return entry.raw[: 4 * BEGINNING].decode("utf-8", "replace")
    return json.dumps(entry.value, ensure_ascii=False, default=str)[: 4 * BEGINNING]


def sealed_id(identity: str) -> str:
    """Return an id as it may be kept: one that is no plain key may be somebody's address."""
    if is_plain(identity):
        return identity
    return f"id-{hashlib.sha256(identity.encode('utf-8', 'replace')).hexdigest()[:24]}"


def sealed_model(model: str) -> str:
    """Return a model's name as it may be kept: a name, with a version or an alias behind it."""
    return model if _MODEL.fullmatch(model) else sealed_id(model)


def size_of(row: LogRow) -> int:
    """Return how many characters of text a row has."""
    return len(row.prompt) + len(row.answer) + sum(len(turn.content) for turn in row.messages)
