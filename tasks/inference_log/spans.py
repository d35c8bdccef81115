"""The rows of a log between two moments, each once: sealed days from their shards, others raw.

Reads what is sealed of a day and the raw files that came since, as streams. Writes into the scratch
folder it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.inference_log import LogRow, window_span
from tasks.inference_log.items import Item, read_items
from tasks.inference_log.places import LogFile, digest_of, log_files
from tasks.inference_log.sealed import may_be_watched, read_sealed, sealed_days, sealed_items
from tasks.inference_log.seen import Seen
from tasks.storage.objects import ObjectStore


def rows_between(
    store: ObjectStore, name: str, since: datetime, until: datetime, scratch: Path
) -> Iterator[LogRow]:
    """Yield the rows whose time is from `since` on and before `until`, a day at a time.

    What is no row, or may not be watched, is left out: `paddock log stats` counts those.
    """
    files: dict[str, list[LogFile]] = {day: [] for day in sealed_days(store, name)}
    for file in log_files(store, name):
        if file.window:
            files.setdefault(file.day, []).append(file)
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%d}" for moment in (since, until))
    for day in sorted(day for day in files if first <= day <= last):
        found = _items(store, name, day, _within(files[day], since, until), scratch)
        wanted = (
            item
            for item in found
            if item.row and may_be_watched(item) and since <= item.row.time < until
        )
        with Seen(scratch / ".seen.db") as seen:
            for item, new in seen.marked(wanted):
                if item.row and new:
                    yield item.row


def _within(files: list[LogFile], since: datetime, until: datetime) -> list[LogFile]:
    """Return the files whose window is not wholly outside: an hour's file has that hour's rows."""

    def touches(file: LogFile) -> bool:
        start, length = window_span(file.window)
        return start < until and start + length > since

    return [file for file in files if touches(file)]


def _items(
    store: ObjectStore, name: str, day: str, files: list[LogFile], scratch: Path
) -> Iterator[Item]:
    sealed = read_sealed(store, name, day)
    if sealed:
        yield from sealed_items(store, sealed)
        known = sealed.files
        files = [
            file for file in files if known.get(file.key) != digest_of(store, file.key, scratch)
        ]
    yield from read_items(store, files, scratch)
