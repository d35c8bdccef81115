"""Read the inference log (data_contracts/inference_log.py) from the object store.

What cannot be read is counted by reason and left out; how much of that may be is for the
comparison to say. Writes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from data_contracts.errors import InputError
from data_contracts.inference_log import (
    FIELDS,
    WINDOW,
    LogRow,
    log_folder,
    read_row,
    window_key,
    window_span,
)
from data_contracts.records import Frozen
from tasks.drift.log_files import ENDINGS, MAX_ROW_BYTES, Rows, read_file
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
    return sorted({label for label, _ in _listed(store, name) if label})


def unread_files(store: ObjectStore, name: str) -> int:
    """Return how many files beside the windows there are, which nobody reads."""
    return sum(not label for label, _ in _listed(store, name))


def read_window(store: ObjectStore, name: str, window: str) -> WindowLog:
    """Read a window's log; a missing one is an InputError."""
    key = window_key(name, window)
    keys = [key for label, key in _listed(store, name) if label == window]
    if not keys:
        raise InputError(
            "there is no log of this window",
            step="drift",
            where=f"{store.uri}/{key}",
            remedy="check that serving writes its log here, or make one with `paddock demo-log`",
        )
    return parse_window(window, [(key, store.read(key)) for key in keys])


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
        elif len(row.prompt) + len(row.answer) > MAX_ROW_BYTES:
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


def _listed(store: ObjectStore, name: str) -> Iterator[tuple[str, str]]:
    """Yield (label of the window, key) of each file of a log; no label if it is none's."""
    folder = log_folder(name)
    for key in store.keys(folder):
        file = key.removeprefix(f"{folder}/")
        if file.startswith((".", "_")):
            continue  # what tools leave beside their files
        endings = [ending for ending in ENDINGS if file.endswith(ending)]
        label = file.removesuffix(max(endings, key=len)) if endings else ""
        yield (label if WINDOW.fullmatch(label) else ""), key
