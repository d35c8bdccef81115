"""Read the inference log (data_contracts/inference_log.py) from the object store.

Of a day that is sealed its shard is read, and the raw files that are not in it yet. What cannot be
read is counted by reason and left out; how much of that may be is for the comparison to say. Writes
nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from data_contracts.errors import InputError
from data_contracts.inference_log import FIELDS, LogRow, read_row, window_key, window_span
from data_contracts.records import Frozen
from tasks.inference_log.files import MAX_ROW_BYTES, Rows, read_file
from tasks.inference_log.items import sealed_id, size_of
from tasks.inference_log.places import log_files
from tasks.inference_log.sealed import (
    SealedDay,
    may_be_watched,
    read_sealed,
    sealed_days,
    sealed_items,
)
from tasks.storage.objects import ObjectStore

OUTSIDE = "time outside the window"
UNKNOWN_FIELDS = "rows with unknown fields (ignored)"


class WindowLog(Frozen):
    """The readable rows of a window. `digest` is a sha256 over the bytes of its files.

    `refused` counts the rows that cannot be read, `left_out` those that somebody else answered,
    each by reason; `notes` count what is worth knowing and no fault.
    """

    window: str
    since: str = Field(default="", description="the first window, where several are put together")
    digest: str
    rows: tuple[LogRow, ...]
    refused: dict[str, int] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    notes: dict[str, int] = Field(default_factory=dict)
    repeated_rows: int = Field(ge=0, description="rows whose id was seen before (sent twice)")

    @property
    def refused_rows(self) -> int:
        """Return how many rows cannot be read, for whatever reason."""
        return sum(self.refused.values())


def list_windows(store: ObjectStore, name: str) -> list[str]:
    """Return the labels of the windows logged for a model, oldest first."""
    raw = {file.window for file in log_files(store, name) if file.window}
    sealed = (read_sealed(store, name, day) for day in sealed_days(store, name))
    return sorted(raw.union(*(day.windows for day in sealed if day)))


def unread_files(store: ObjectStore, name: str) -> int:
    """Return how many files beside the windows there are, which nobody reads."""
    return sum(not file.window for file in log_files(store, name))


def read_window(store: ObjectStore, name: str, window: str) -> WindowLog:
    """Read a window's log; a missing one is an InputError."""
    key = window_key(name, window)
    files = [
        (file.key, store.read(file.key)) for file in log_files(store, name) if file.window == window
    ]
    sealed = read_sealed(store, name, window[:10])
    if sealed and window in sealed.windows:
        return _with_sealed(store, sealed, window, files)
    if not files:
        raise InputError(
            "there is no log of this window",
            step="drift",
            where=f"{store.uri}/{key}",
            remedy="check that serving writes its log here, or make one with `paddock demo-log`",
        )
    return parse_window(window, files)


def _with_sealed(
    store: ObjectStore, sealed: SealedDay, window: str, files: Iterable[tuple[str, bytes]]
) -> WindowLog:
    """Return what a day's shard has of a window, and of raw files what is not in it yet."""
    kept: dict[str, LogRow] = {}
    refused = Counter[str]()
    for item in sealed_items(store, sealed, window):
        if item.row is not None and may_be_watched(item):
            kept[item.identity] = item.row
        else:
            refused[item.held] += 1
    late = parse_window(
        window,
        [
            (key, data)
            for key, data in files
            if sealed.files.get(key) != hashlib.sha256(data).hexdigest()
        ],
    )
    fresh = tuple(row for row in late.rows if sealed_id(row.id) not in kept)
    digest = hashlib.sha256(f"{sealed.shard.digest}{window}{late.digest}".encode()).hexdigest()
    return WindowLog(
        window=window,
        digest=digest,
        rows=(*kept.values(), *fresh),
        refused=dict(sorted((refused + Counter(late.refused)).items())),
        notes=late.notes,
        repeated_rows=late.repeated_rows + len(late.rows) - len(fresh),
    )


def parse_window(window: str, files: Iterable[tuple[str, bytes]]) -> WindowLog:
    """Parse the files of a window's log: (name, bytes) of each."""
    digest = hashlib.sha256()
    found: list[dict[str, Any]] = []
    refused, notes = Counter[str](), Counter[str]()
    for name, data in files:
        digest.update(hashlib.sha256(data).digest())
        rows = read_file(name, data)
        found += rows.found
        refused += rows.refused
        notes += rows.notes
    kept, repeated = _rows(found, window_span(window), Rows([], refused, notes))
    return WindowLog(
        window=window,
        digest=digest.hexdigest(),
        rows=tuple(kept.values()),
        refused=dict(sorted(refused.items())),
        notes=dict(sorted(notes.items())),
        repeated_rows=repeated,
    )


def _rows(
    found: Iterable[dict[str, Any]], span: tuple[datetime, timedelta], counts: Rows
) -> tuple[dict[str, LogRow], int]:
    kept: dict[str, LogRow] = {}
    repeated = 0
    start, length = span
    for value in found:
        row = read_row(value)
        if isinstance(row, str):
            counts.refused[row] += 1
        elif size_of(row) > MAX_ROW_BYTES:
            counts.refused["row too long"] += 1
        elif not start <= row.time < start + length:
            counts.refused[OUTSIDE] += 1
        elif row.id in kept:
            repeated += 1
        else:
            kept[row.id] = row
            if not FIELDS.issuperset(value):
                counts.notes[UNKNOWN_FIELDS] += 1
    return kept, repeated
