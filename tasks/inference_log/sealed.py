"""A day of the log that is sealed: which shard stands for it, and what that holds.

A record a version, `inference/<name>/_sealed/<day>/000001.json`, names the shard and the raw files
that are in it. It is written last and only if its place is free, so the newest counts and of two
that seal at once one wins. The rows of a shard are redacted.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from pydantic import Field

from data_contracts.inference_log import LogRow, log_folder
from data_contracts.records import Frozen
from tasks.inference_log.items import NO_VERSION, OUTSIDE, Item
from tasks.inference_log.redacting import UNREAD
from tasks.storage.objects import ObjectStore
from tasks.storage.outputs import Outputs, Reference

ROWS = "rows.parquet"
_NESTED = ("feedback", "hits", "messages")


class DayCounts(Frozen):
    """What became of a day's rows: rows = kept + quarantined + duplicates.

    A file that grew after it was sealed is read again, and what is known of it is a duplicate.
    """

    rows: int = 0
    kept: int = 0
    duplicates: int = 0
    held: dict[str, int] = Field(default_factory=dict)

    @property
    def quarantined(self) -> int:
        """Return how many rows may not be used, for whatever reason."""
        return sum(self.held.values())


class SealedDay(Frozen):
    """A version of a day. `files` are the sha256 of the raw files in it, by key."""

    name: str
    day: str
    version: int = Field(ge=1)
    shard: Reference
    redaction: str
    files: dict[str, str]
    windows: tuple[str, ...]
    counts: DayCounts


def _folder(name: str, day: str = "") -> str:
    return f"{log_folder(name)}/_sealed/{day}".rstrip("/")


def sealed_days(store: ObjectStore, name: str) -> list[str]:
    """Return the days that are sealed, in order."""
    folder = _folder(name)
    days = {key.removeprefix(f"{folder}/").partition("/")[0] for key in store.keys(folder)}
    return sorted(days)


def read_sealed(store: ObjectStore, name: str, day: str) -> SealedDay | None:
    """Return the newest version of a day, or None where it is not sealed."""
    newest = max(store.keys(_folder(name, day)), default=None)
    return SealedDay.model_validate_json(store.read(newest)) if newest else None


def record_sealed(store: ObjectStore, sealed: SealedDay) -> bool:
    """Write a version; False if somebody else was first."""
    key = f"{_folder(sealed.name, sealed.day)}/{sealed.version:06d}.json"
    return store.write(key, sealed.model_dump_json(indent=1).encode(), only_if_absent=True)


def shards_in_use(store: ObjectStore) -> dict[str, str]:
    """Return the digests of the shards that days stand for, of every model, each with its day."""
    newest: dict[tuple[str, str], str] = {}
    for key in sorted(store.keys("inference")):
        parts = key.split("/")
        if len(parts) == 5 and parts[2] == "_sealed":
            newest[parts[1], parts[3]] = key
    every = (SealedDay.model_validate_json(store.read(key)) for key in newest.values())
    return {one.shard.digest: f"the log of {one.name} on {one.day}" for one in every}


@contextmanager
def shard_file(store: ObjectStore, sealed: SealedDay) -> Generator[Path]:
    """Give the shard's file, verified; where the store is elsewhere, a copy that goes again."""
    with TemporaryDirectory(prefix="paddock-log-") as scratch:
        yield Outputs(store, Path(scratch)).fetch(sealed.shard, ROWS) / ROWS


def sealed_items(store: ObjectStore, sealed: SealedDay, window: str = "") -> Iterator[Item]:
    """Yield the rows of a day, or of one window of it."""
    with shard_file(store, sealed) as path:
        yield from shard_items(path, window)


def shard_items(path: Path, window: str = "") -> Iterator[Item]:
    """Yield the rows in a shard's file, some at a time in memory."""
    import pyarrow.compute
    import pyarrow.parquet as pq

    compute: Any = pyarrow.compute  # whose functions are made when it is imported
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=512):
            wanted: Any = batch
            if window:
                wanted = batch.filter(compute.equal(batch.column("window"), window))
            yield from map(_item, wanted.to_pylist())


def may_be_watched(item: Item) -> bool:
    """Tell whether drift and review may read a row: one that is held back for training alone."""
    if item.row is None or item.held == OUTSIDE:
        return False
    return item.held in ("", NO_VERSION) or item.held.startswith(UNREAD.partition("(")[0])


def columns() -> list[tuple[str, Any]]:
    """Return the shard's columns: our own, then the fields of a row."""
    import pyarrow as pa

    types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    own: list[tuple[str, Any]] = [(name, pa.string()) for name in ("window", "held", "raw")]
    for name, field in LogRow.model_fields.items():
        kind = next((types[one] for one in _plain_types(field.annotation) if one in types), None)
        own.append((name, pa.timestamp("us", tz="UTC") if name == "time" else kind or pa.string()))
    return own


def _plain_types(annotation: Any) -> Iterator[Any]:
    """Yield the types that a field may have, without what is said about them."""
    inner = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from _plain_types(inner[0])
    elif inner:
        for one in inner:
            yield from _plain_types(one)
    else:
        yield annotation


def as_columns(item: Item) -> dict[str, Any]:
    """Return a row as it is written."""
    own = {"window": item.window, "held": item.held, "raw": item.raw}
    if item.row is None:
        return own | {"id": item.identity}
    fields = item.row.model_dump()
    for name in _NESTED:
        fields[name] = json.dumps(fields[name], ensure_ascii=False) if fields[name] else None
    return own | fields | {"id": item.identity}


def _item(row: Mapping[str, Any]) -> Item:
    fields = {name: row[name] for name in LogRow.model_fields if row[name] is not None}
    for name in _NESTED:
        if name in fields:
            fields[name] = json.loads(fields[name])
    own = row["window"], row["id"]
    if "prompt" not in fields:
        return Item(*own, None, row["held"], row["raw"])
    return Item(*own, LogRow.model_validate(fields), row["held"], row["raw"])
