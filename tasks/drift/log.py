"""Read the inference log (data_contracts/inference_log.py) from the object store.

A broken row is counted and left out; how many may be broken is for the comparison to say.
Writes nothing.
"""

from __future__ import annotations

import hashlib

from pydantic import Field, ValidationError

from data_contracts.errors import InputError
from data_contracts.inference_log import WINDOW, LogRow, log_folder, window_key
from data_contracts.records import Frozen
from tasks.storage.objects import ObjectStore

MAX_ROW_BYTES = 1 << 20


class WindowLog(Frozen):
    """The readable rows of a window. `digest` is the sha256 of the object's bytes."""

    window: str
    digest: str
    rows: tuple[LogRow, ...]
    bad_rows: int = Field(ge=0, description="rows that are not JSON, lack a field or are too long")
    repeated_rows: int = Field(ge=0, description="rows whose id was seen before (sent twice)")


def list_windows(store: ObjectStore, name: str) -> list[str]:
    """Return the labels of the windows logged for a model, oldest first."""
    names = (key.rpartition("/")[2] for key in store.keys(log_folder(name)))
    stems = (name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl"))
    return sorted(stem for stem in stems if WINDOW.fullmatch(stem))


def read_window(store: ObjectStore, name: str, window: str) -> WindowLog:
    """Read a window's log; broken rows are counted, a missing object is an InputError."""
    key = window_key(name, window)
    try:
        data = store.read(key)
    except FileNotFoundError as error:
        raise InputError(
            "there is no log of this window",
            step="drift",
            where=f"{store.uri}/{key}",
            remedy="check that serving writes its log here, or make one with `paddock demo-log`",
        ) from error
    return parse_window(window, data)


def parse_window(window: str, data: bytes) -> WindowLog:
    """Parse the bytes of a window's log."""
    rows: dict[str, LogRow] = {}
    bad = repeated = 0
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        row = _parse_row(line)
        if row is None:
            bad += 1
        elif row.id in rows:
            repeated += 1
        else:
            rows[row.id] = row
    return WindowLog(
        window=window,
        digest=hashlib.sha256(data).hexdigest(),
        rows=tuple(rows.values()),
        bad_rows=bad,
        repeated_rows=repeated,
    )


def _parse_row(line: bytes) -> LogRow | None:
    if len(line) > MAX_ROW_BYTES:
        return None
    try:
        return LogRow.model_validate_json(line, strict=True)
    except ValidationError:
        return None
