"""Brings rows of other logs into a model's log: each into its window by time, and each once.

A window gets a part of its own (`2026-03-01T14.import-….jsonl`), named by its content, so that
nothing that serving writes is touched and a second import of the same rows writes nothing. What
was read waits in a file meanwhile: memory does not grow with the rows.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from data_contracts.inference_log import LogRow, log_bytes, log_folder, read_row
from tasks.inference_log.files import ENDINGS, MAX_ROW_BYTES, Entry, entries
from tasks.inference_log.items import TOO_LONG, Item, read_items, sealed_id, size_of
from tasks.inference_log.places import log_files, opened
from tasks.inference_log.sealed import SealedDay, read_sealed, sealed_items
from tasks.storage.objects import ObjectStore

OTHER_MODEL = "of another model"
_PART_ROWS, _PART_BYTES = 20_000, 32 << 20
_TABLE = """
create table waiting (
  id text, said text, window text, time text, body text, primary key (id, said)) without rowid;
create index by_window on waiting (window, time, id, said);
"""
_NOTHING = "nothing"
_SEPARATOR = re.compile(r"[@/:]")


@dataclass
class Imported:
    """What became of the rows: rows = brought in + there already + repeated + refused.

    `unversioned` are rows that name no version, which nothing is trained on.
    """

    rows: int = 0
    new: int = 0
    known: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    windows: set[str] = field(default_factory=set[str])
    unread_files: int = 0
    unversioned: int = 0


@dataclass(frozen=True)
class Target:
    """Whose log it is. `served_as` are names that the model has where it is served.

    `version` is what answered the rows that do not say which version did.
    """

    name: str
    served_as: tuple[str, ...] = ()
    version: str = ""

    def row(self, value: dict[str, Any]) -> LogRow | str:
        """Return a value as a row of this log, or why it is none."""
        row = read_row(value)
        if isinstance(row, str):
            return row
        if size_of(row) > MAX_ROW_BYTES:
            return TOO_LONG
        if row.model in self.served_as:
            row = row.model_copy(update={"model": self.name})
        elif _SEPARATOR.split(row.model.removeprefix("models:/"))[0].lower() != self.name:
            return OTHER_MODEL
        if self.version and not row.names_version:
            row = row.model_copy(update={"version": self.version})
        return row


def file_entries(source: ObjectStore, only: str, found: Imported, scratch: Path) -> Iterator[Entry]:
    """Yield what is in the files of a source, or in the one that is named."""
    for key in [only] if only else list(source.keys("")):
        if key.rpartition("/")[2].startswith((".", "_")):
            continue
        if not key.endswith(ENDINGS):
            found.unread_files += 1
            continue
        with opened(source, key, scratch) as stream:
            yield from entries(key, stream)


def import_rows(
    store: ObjectStore,
    target: Target,
    values: Iterable[dict[str, Any] | str],
    found: Imported,
    scratch: Path,
) -> Imported:
    """Write the rows that are not in the log yet; a text among the values says why it is no row."""
    log_folder(target.name)
    path = scratch / ".waiting.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        for pragma in ("journal_mode=off", "synchronous=off", "cache_size=-16000"):
            base.execute(f"pragma {pragma}")
        base.executescript(_TABLE)
        base.execute("begin")
        for value in values:
            found.rows += 1
            row = target.row(value) if isinstance(value, dict) else value
            if isinstance(row, str):
                found.refused[row] += 1
            elif not _wait(base, row):
                found.repeated += 1
            else:
                found.unversioned += not row.names_version
        _leave_out_known(base, store, target.name, found, scratch)
        _write(base, store, target.name, found)
    path.unlink(missing_ok=True)
    return found


def _wait(base: sqlite3.Connection, row: LogRow) -> bool:
    """Keep a row until all are read; False if one of its id that says the same waits already."""
    at = row.time.astimezone(UTC).isoformat()
    values = (sealed_id(row.id), _said(row), at[:13], at, log_bytes([row]).decode())
    return base.execute("insert or ignore into waiting values (?,?,?,?,?)", values).rowcount == 1


def _said(row: LogRow) -> str:
    """Return what may come behind an answer: what people said of it, and their consent."""
    if row.feedback is None and row.consent is None:
        return _NOTHING
    good, corrected = (row.feedback.good, row.feedback.corrected) if row.feedback else (None, "")
    return f"{good} {bool(corrected)} {row.consent}"


def _leave_out_known(
    base: sqlite3.Connection, store: ObjectStore, name: str, found: Imported, scratch: Path
) -> None:
    days = [day for (day,) in base.execute("select distinct substr(window, 1, 10) from waiting")]
    for day in days:
        for item in _items_of(store, name, day, scratch):
            if item.row is not None:
                gone = base.execute(
                    "delete from waiting where id=? and said in (?, ?)",
                    (item.identity, _said(item.row), _NOTHING),
                )
                found.known += gone.rowcount


def _items_of(store: ObjectStore, name: str, day: str, scratch: Path) -> Iterator[Item]:
    sealed = read_sealed(store, name, day)
    if sealed:
        yield from sealed_items(store, sealed)
    yield from read_items(store, [f for f in log_files(store, name) if f.day == day], scratch)


def _write(base: sqlite3.Connection, store: ObjectStore, name: str, found: Imported) -> None:
    windows = [one for (one,) in base.execute("select distinct window from waiting order by 1")]
    for window in windows:
        sealed = read_sealed(store, name, window[:10])
        query = "select body from waiting where window=? order by time, id, said"
        for part in _parts(body for (body,) in base.execute(query, (window,))):
            digest = hashlib.sha256(part.encode()).hexdigest()[:16]
            key = f"{log_folder(name)}/{window}.import-{digest}.jsonl"
            rows = part.count("\n")
            if _is_sealed(sealed, key) or not store.write(key, part.encode(), only_if_absent=True):
                found.known += rows
            else:
                found.new += rows
                found.windows.add(window)


def _is_sealed(sealed: SealedDay | None, key: str) -> bool:
    return sealed is not None and key in sealed.files


def _parts(bodies: Iterable[str]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for body in bodies:
        part.append(body)
        size += len(body)
        if len(part) >= _PART_ROWS or size >= _PART_BYTES:
            yield "".join(part)
            part, size = [], 0
    if part:
        yield "".join(part)
