"""A day's rows become one sealed shard: redacted, each once, and what is none by its reason.

Takes the raw files that are not in the day's shard yet, and that shard, whose rows come first.
Writes `rows.parquet` and `day.json` into the folder it is given; no text in them is unredacted.
Memory does not grow with the rows: what was seen of them lies in a file beside.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import shielded
from data_contracts.snapshot.row_files import RowFile
from tasks.inference_log.items import BEGINNING, Item, size_of
from tasks.inference_log.redacting import (
    DROPPED,
    UNREAD,
    Redacted,
    Redactor,
    row_with,
    texts_of,
)
from tasks.inference_log.sealed import ROWS, DayCounts, as_columns, columns
from tasks.inference_log.seen import Seen

STEP = "compact log"
REPORT = "day.json"
_SEEN = ".seen.db"
_CUT = 200  # characters: a value that the cut of a beginning went through cannot be told
_TOGETHER = 256  # rows redacted at once


class Source(NamedTuple):
    """Where a day's rows come from; both can be read again.

    `sealed` are those of the shard before, with the counts they had; `redacted` tells that they
    went through the same redaction.
    """

    sealed: Callable[[], Iterator[Item]]
    raw: Callable[[], Iterator[Item]]
    before: DayCounts
    redacted: bool


@dataclass
class Day:
    """What became of a day's rows so far."""

    rows: int = 0
    kept: int = 0
    duplicates: int = 0
    held: Counter[str] = field(default_factory=Counter[str])
    windows: set[str] = field(default_factory=set[str])
    kinds: Counter[str] = field(default_factory=Counter[str])

    def counts(self) -> DayCounts:
        """Return the counts as a value."""
        return DayCounts(
            rows=self.rows,
            kept=self.kept,
            duplicates=self.duplicates,
            held=dict(sorted(self.held.items())),
        )


def seal_rows(
    source: Source,
    redactor: Redactor,
    folder: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> Day:
    """Fill `folder` with a day's shard and say what became of its rows."""
    day = Day(rows=source.before.rows, duplicates=source.before.duplicates)
    with Seen(folder / _SEEN) as seen:
        for item in source.raw():
            if item.row is not None:
                seen.hear(item.identity, item.row)
        out = RowFile(folder / ROWS, _schema())
        for batch in _batches(_new(source, seen, day)):
            for item in _redacted(batch, redactor, day):
                _count(day, item)
                out.add(as_columns(item), size_of(item.row) if item.row else len(item.raw))
            progress(day.rows)
        out.close()
    report = {**day.counts().model_dump(), "windows": sorted(day.windows), "redacted": day.kinds}
    (folder / REPORT).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    return day


class _Pending(NamedTuple):
    item: Item
    redact: bool


def _new(source: Source, seen: Seen, day: Day) -> Iterator[_Pending]:
    """Yield each row once, those of the shard before first, with all that was said of it."""
    for item, _ in seen.marked(source.sealed()):
        again = _with_said(item, seen, sealed=True)
        yield _Pending(again, not source.redacted or again is not item)
    for item, new in seen.marked(source.raw()):
        day.rows += 1
        if new:
            yield _Pending(_with_said(item, seen, sealed=False), redact=True)
        else:
            day.duplicates += 1


def _with_said(item: Item, seen: Seen, *, sealed: bool) -> Item:
    if item.row is None:
        return item
    row = seen.with_said(item.identity, item.row, sealed=sealed)
    return item if row is item.row else item._replace(row=row)


def _batches(rows: Iterable[_Pending]) -> Iterator[list[_Pending]]:
    found = iter(rows)
    while batch := list(islice(found, _TOGETHER)):
        yield batch


def _redacted(batch: Sequence[_Pending], redactor: Redactor, day: Day) -> Iterator[Item]:
    asked = [_texts(one.item) for one in batch if one.redact]
    with shielded(STEP):
        done = iter(redactor.redact_records(asked) if asked else ())
    for item, redact in batch:
        yield _with_texts(item, next(done), day) if redact else item


def _texts(item: Item) -> list[str]:
    row = item.row
    if row is None:
        return [item.raw]
    return texts_of(row)


def _with_texts(item: Item, redacted: Redacted, day: Day) -> Item:
    day.kinds.update(redacted.kinds)
    if redacted.dropped_for is not None:
        return Item(item.window, item.identity, None, DROPPED.format(redacted.dropped_for))
    if item.row is None:
        whole = len(item.raw) < BEGINNING
        return item._replace(raw=redacted.texts[0] if whole else redacted.texts[0][:-_CUT])
    held = item.held or (UNREAD.format(redacted.unread) if redacted.unread else "")
    return item._replace(row=row_with(item.row, redacted.texts), held=held)


def _count(day: Day, item: Item) -> None:
    day.windows.add(item.window)
    if item.held:
        day.held[item.held] += 1
    else:
        day.kept += 1


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(columns())
