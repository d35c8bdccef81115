"""Put thin windows together: a desk that is asked twenty times an hour is watched too.

A window with too few rows takes those before it along, back to the last one that was judged, and no
further than a week; so no row is judged twice. Needs the log in the object store; writes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from heapq import nsmallest

from data_contracts.inference_log import window_span
from tasks.drift.attribution import Served
from tasks.drift.decision import WindowResult
from tasks.drift.log import WindowLog, place_of, read_window
from tasks.drift.service.measured import together
from tasks.storage.objects import ObjectStore

FURTHEST = timedelta(days=7)


def unjudged_before(
    window: str, windows: Sequence[str], history: Iterable[WindowResult]
) -> list[str]:
    """Return the windows that a thin one may take along, the newest first.

    Those are the ones before it that no verdict is about and that lie within a week.
    """
    start, _ = window_span(window)
    done = {one.window for one in history if one.status != "not_enough_data"}
    before: list[str] = []
    for label in sorted((one for one in windows if one < window), reverse=True):
        if label in done or start - window_span(label)[0] > FURTHEST:
            break
        before.append(label)
    return before


def read_pooled(
    store: ObjectStore,
    name: str,
    window: str,
    before: Sequence[str],
    served: Served,
    fewest: int,
    most: int,
) -> WindowLog:
    """Return the champion's rows of a window, with those of earlier ones while there are too few.

    `before` are the windows that may be taken along, the newest first; one without a row of the
    champion's is from before it served, and ends them. A row that came twice counts once. Where
    even all of them are too few, all are there; of a window with more than `most` so many are held.
    """
    logs = [read_window(store, name, window, served, most)]
    for label in before:
        if not logs[-1].rows or sum(len(log.rows) for log in logs) >= fewest:
            break
        logs.append(read_window(store, name, label, served, most))
    if len(logs) > 1 and not logs[-1].rows:
        logs.pop()
    return logs[0] if len(logs) == 1 else _together(window, before[len(logs) - 2], logs, most)


def _together(window: str, since: str, logs: Sequence[WindowLog], most: int) -> WindowLog:
    rows = {row.id: row for log in reversed(logs) for row in log.rows}
    again = sum(len(log.rows) for log in logs) - len(rows)
    counts = {
        field: dict(sorted(sum((Counter(getattr(log, field)) for log in logs), Counter()).items()))
        for field in ("refused", "left_out", "notes")
    }
    return WindowLog(
        window=window,
        since=since,
        digest=hashlib.sha256("".join(log.digest for log in logs).encode()).hexdigest(),
        rows=tuple(nsmallest(most, rows.values(), key=place_of)),
        total=sum(log.total for log in logs) - again,
        measured=together(log.measured for log in logs),
        repeated_rows=again + sum(log.repeated_rows for log in logs),
        **counts,
    )
