"""The figures of a log: rows by window, version, tenant and variant, and what was refused.

Reads raw files and sealed shards as streams, a day at a time; memory does not grow with the rows.
Writes into the scratch folder it is given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_contracts.inference_log import LogRow
from tasks.inference_log.items import Item, read_items
from tasks.inference_log.places import LogFile, digest_of, log_files
from tasks.inference_log.sealed import may_be_watched, read_sealed, sealed_days, sealed_items
from tasks.inference_log.seen import Seen
from tasks.inference_log.sketch import Sketch
from tasks.storage.objects import ObjectStore

MOST_GROUPS = 2_000
OTHERS = "others"
UNKNOWN_FIELDS = "rows with unknown fields (ignored)"
_VERSION = re.compile(r"[@/:]([^@/:]+)$")


class Group(NamedTuple):
    """What rows are counted by."""

    window: str
    version: str
    tenant: str
    variant: str


@dataclass(slots=True)
class Figures:
    """What is known of some rows. A count beside a sum says of how many rows it is known."""

    rows: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    counted: int = 0
    cut: int = 0
    rated: int = 0
    good: float = 0.0
    corrected: int = 0
    consent: int = 0
    cost: float = 0.0
    seconds: Sketch = field(default_factory=Sketch)
    first_token: Sketch = field(default_factory=Sketch)

    def add(self, row: LogRow) -> None:
        """Count a row."""
        self.rows += 1
        self.prompt_tokens += row.prompt_tokens or 0
        self.answer_tokens += row.answer_tokens or 0
        self.counted += row.prompt_tokens is not None or row.answer_tokens is not None
        self.cut += bool(row.truncated) or row.finish_reason == "length"
        self.consent += bool(row.consent)
        self.cost += row.cost or 0.0
        if row.seconds is not None:
            self.seconds.add(row.seconds)
        if row.first_token_seconds is not None:
            self.first_token.add(row.first_token_seconds)
        if row.feedback:
            self.corrected += bool(row.feedback.corrected)
            if row.feedback.good is not None:
                self.rated += 1
                self.good += row.feedback.good


@dataclass
class LogFigures:
    """The figures of a log between two days; `read` counts every row, `unread` files."""

    read: int = 0
    duplicates: int = 0
    unread: int = 0
    groups: dict[Group, Figures] = field(default_factory=dict[Group, Figures])
    refused: Counter[str] = field(default_factory=Counter[str])
    held: Counter[str] = field(default_factory=Counter[str])
    notes: Counter[str] = field(default_factory=Counter[str])
    sealed: int = 0
    days: int = 0


def read_figures(
    store: ObjectStore, name: str, since: str, until: str, scratch: Path, *, by_day: bool = False
) -> LogFigures:
    """Return the figures of the days from `since` to `until`, both included; empty: no bound."""
    found = LogFigures()
    files: dict[str, list[LogFile]] = {day: [] for day in sealed_days(store, name)}
    for file in log_files(store, name):
        if file.window:
            files.setdefault(file.day, []).append(file)
        else:
            found.unread += 1
    for day, own in sorted(files.items()):
        if since <= day and (not until or day <= until):
            found.days += 1
            _add_day(found, store, name, day, own, scratch, by_day=by_day)
    return found


def _add_day(
    found: LogFigures,
    store: ObjectStore,
    name: str,
    day: str,
    files: list[LogFile],
    scratch: Path,
    *,
    by_day: bool,
) -> None:
    sealed = read_sealed(store, name, day)
    if sealed:
        found.sealed += 1
        found.read += sealed.counts.duplicates
        found.duplicates += sealed.counts.duplicates
        known = sealed.files
        files = [file for file in files if known.get(file.key) != _digest(store, file, scratch)]

    def items() -> Iterator[Item]:
        if sealed:
            yield from sealed_items(store, sealed)
        yield from read_items(store, files, scratch)

    with Seen(scratch / ".seen.db") as seen:
        for item, new in seen.marked(items()):
            found.read += 1
            if new:
                _add(found, item, by_day=by_day)
            else:
                found.duplicates += 1


def _digest(store: ObjectStore, file: LogFile, scratch: Path) -> str:
    return digest_of(store, file.key, scratch)


def _add(found: LogFigures, item: Item, *, by_day: bool) -> None:
    row = item.row
    if row is None or not may_be_watched(item):
        found.refused[item.held] += 1
        return
    if item.held:
        found.held[item.held] += 1
    if item.unknown_fields:
        found.notes[UNKNOWN_FIELDS] += 1
    group = Group(
        item.window[:10] if by_day else item.window,
        version_of(row),
        row.tenant or "-",
        row.variant or "-",
    )
    if group not in found.groups and len(found.groups) >= MOST_GROUPS:
        group = Group(OTHERS, OTHERS, OTHERS, OTHERS)
        found.notes[f"rows beyond {MOST_GROUPS:,} lines, counted together as '{OTHERS}'"] += 1
    if (figures := found.groups.get(group)) is None:
        figures = found.groups[group] = Figures()
    figures.add(row)


def version_of(row: LogRow) -> str:
    """Return the version that answered a row, as it names it; `-` where it names none."""
    named = None if row.version else _VERSION.search(row.model)
    return (row.version or (named[1] if named else "") or row.weights[:12] or "-")[:16]
