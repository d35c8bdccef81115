"""Seals days of a log, and takes raw files away whose days are sealed and whose time is over.

A day is sealed once it has ended; a file that comes, or grows, later makes a new version of it.
Killed at any moment and run again, the end is the same: the shard's manifest is written before the
record that names it, and that before a raw file goes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_contracts.digests import canonical_json
from data_contracts.errors import ContractError
from data_contracts.inference_log import window_span
from data_contracts.records import Frozen
from tasks.inference_log.compaction import REPORT, STEP, Redactor, Source, seal_rows
from tasks.inference_log.items import Item, read_items
from tasks.inference_log.places import LogFile, digest_of, log_files, window_of
from tasks.inference_log.sealed import (
    DayCounts,
    SealedDay,
    read_sealed,
    record_sealed,
    sealed_items,
)
from tasks.storage.objects import ObjectStore
from tasks.storage.outputs import Outputs
from tasks.storage.stages import LOG_DAY, Work


class Compacted(Frozen):
    """What became of a day: its newest version, and whether this look made it."""

    day: SealedDay
    new: bool
    removed: int = 0


class DayWork(Frozen):
    """A day that is to be sealed: the raw files of it, with their sha256."""

    name: str
    day: str
    files: dict[str, str]


def complete_days(
    store: ObjectStore, name: str, now: datetime, grace: timedelta
) -> Iterator[DayWork]:
    """Yield each day that has ended so long ago and has raw files, oldest first."""
    days: dict[str, list[LogFile]] = {}
    for file in log_files(store, name):
        if file.window and _end(file.day) + grace <= now:
            days.setdefault(file.day, []).append(file)
    for day, files in sorted(days.items()):
        with TemporaryDirectory(prefix="paddock-log-") as scratch:
            digests = {file.key: digest_of(store, file.key, Path(scratch)) for file in files}
        yield DayWork(name=name, day=day, files=digests)


def seal_day(
    outputs: Outputs,
    work: DayWork,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Redactor],
    progress: Callable[[int], None] = lambda done: None,
) -> Compacted:
    """Seal a day, or find that everything of it is in its shard; of two at once one wins."""
    while True:
        before = read_sealed(outputs.store, work.name, work.day)
        covered = before.files if before else {}
        new = {key: one for key, one in work.files.items() if covered.get(key) != one}
        if before and not new:
            return Compacted(day=before, new=False)
        sealed = _seal(outputs, work, before, new, redaction, build_redactor, progress)
        if record_sealed(outputs.store, sealed):
            return Compacted(day=sealed, new=True)


def _seal(
    outputs: Outputs,
    work: DayWork,
    before: SealedDay | None,
    new: dict[str, str],
    redaction: dict[str, Any],
    build_redactor: Callable[[], Redactor],
    progress: Callable[[int], None],
) -> SealedDay:
    store, identity = outputs.store, hashlib.sha256(canonical_json(redaction)).hexdigest()
    todo = _work(work, before, new, redaction)

    def make(folder: Path) -> dict[str, int]:
        files = [LogFile(key, window_of(key.rpartition("/")[2])) for key in sorted(new)]

        def raw() -> Iterator[Item]:
            return read_items(store, files, folder)

        def sealed() -> Iterator[Item]:
            return sealed_items(store, before) if before else iter(())

        source = Source(
            sealed=sealed,
            raw=raw,
            before=before.counts if before else DayCounts(),
            redacted=before is not None and before.redaction == identity,
        )
        counts = seal_rows(source, build_redactor(), folder, progress).counts()
        _require_unchanged(store, new, folder)
        return {
            "rows": counts.rows,
            "kept": counts.kept,
            "quarantined": counts.quarantined,
            "duplicates": counts.duplicates,
        }

    shard = outputs.build(todo, make).reference
    report = json.loads((outputs.fetch(shard, REPORT) / REPORT).read_bytes())
    return SealedDay(
        name=work.name,
        day=work.day,
        version=before.version + 1 if before else 1,
        shard=shard,
        redaction=identity,
        files={**(before.files if before else {}), **new},
        windows=tuple(report["windows"]),
        counts=DayCounts(**{name: report[name] for name in DayCounts.model_fields}),
    )


def _work(
    work: DayWork, before: SealedDay | None, new: dict[str, str], redaction: dict[str, Any]
) -> Work:
    # The shard before is no input: what it held is in the new one, and it may go.
    parameters = {
        "name": work.name,
        "day": work.day,
        "before": before.shard.digest if before else "",
        "redaction": redaction,
    }
    return LOG_DAY.of(dict(sorted(new.items())), parameters)


def _require_unchanged(store: ObjectStore, files: dict[str, str], scratch: Path) -> None:
    """Raise ContractError if a file is not what it was when it was listed: its shard would lie."""
    for key, digest in files.items():
        if digest_of(store, key, scratch) != digest:
            raise ContractError(
                "a file of the log changed while it was read",
                step=STEP,
                where=f"{store.uri}/{key}",
                remedy="run again; if it repeats, somebody writes on into a day that is over",
            )


def remove_raw(store: ObjectStore, sealed: SealedDay, now: datetime, raw_days: int | None) -> int:
    """Take the raw files of a day away that are in its shard, once they are so many days old.

    A file that is not as it was sealed stays: it has rows that nobody read. Returns how many went.
    """
    if raw_days is None or _end(sealed.day) + timedelta(days=raw_days) > now:
        return 0
    gone = 0
    with TemporaryDirectory(prefix="paddock-log-") as scratch:
        for key, digest in sorted(sealed.files.items()):
            if store.exists(key) and digest_of(store, key, Path(scratch)) == digest:
                store.remove(key)
                gone += 1
    return gone


def _end(day: str) -> datetime:
    start, length = window_span(day)
    return start + length
