"""Draws rows of the inference log that the champion answered: for people to rate, or a judge.

Reads the log of the store a window at a time and keeps what is drawn alone, so a month may be long.
One order decides for both, so that of the same seed a larger draw holds a smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from data_contracts.inference_log import LogRow, window_span
from flows.champion import Champion
from flows.workshop.parts import Workshop
from tasks.drift.attribution import Served as Serving
from tasks.drift.log import list_windows, read_window
from tasks.human_review.sample import Served, served_place


class Draw(NamedTuple):
    """A simple random sample of `total` rows of some windows; `digest` is of all of them.

    `left_out` counts the rows that cannot be read, or that another than the champion answered.
    """

    rows: list[Served]
    total: int
    windows: int
    left_out: int
    digest: str


def draw_rows(
    workshop: Workshop, champion: Champion, windows: Sequence[str], most: int, seed: int
) -> Draw:
    """Draw at most so many of the champion's rows."""
    name, version = champion.name, champion.version
    serving = Serving(
        name=name, version=version.version, digest=version.digest, since=champion.since
    )

    def place(row: LogRow) -> int:
        return int(served_place(_served(row), seed), 16)

    kept: list[Served] = []
    total = left_out = 0
    digest = hashlib.sha256(version.digest.encode())
    for window in windows:
        log = read_window(workshop.store, name, window, serving, most, place)
        digest.update(log.digest.encode())
        total += log.total
        left_out += sum(log.left_out.values()) + log.refused_rows
        found = map(_served, log.rows)
        kept = nsmallest(most, chain(kept, found), key=lambda row: served_place(row, seed))
    return Draw(kept, total, len(windows), left_out, digest.hexdigest())


def _served(row: LogRow) -> Served:
    return Served(name=row.id, prompt=row.prompt, answer=row.answer)


def windows_between(workshop: Workshop, name: str, since: datetime, until: datetime) -> list[str]:
    """Return a model's windows that begin in a time, oldest first."""
    return [
        window
        for window in list_windows(workshop.store, name)
        if since <= window_span(window)[0] < until
    ]


def last_month(now: datetime) -> tuple[datetime, datetime]:
    """Return when the last whole month began and ended (UTC)."""
    until = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (until - timedelta(days=1)).replace(day=1), until
