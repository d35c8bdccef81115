"""What is usual: how the champion served in its first week, beside which later windows are judged.

Until a day of it is there nothing is said; while the week lasts a window is compared with all
before it. Then a record, `drift/<name>/service/<champion>.json`, keeps the week, so that what gets
worse bit by bit is found too. Needs the object store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from data_contracts.inference_log import window_span
from data_contracts.records import Frozen
from tasks.drift.decision import WindowResult
from tasks.drift.service.measured import Measured
from tasks.storage.objects import ObjectStore

DAY, WEEK = timedelta(days=1), timedelta(days=7)


class Usual(Frozen):
    """The windows of a champion's first week, by label."""

    windows: dict[str, Measured]


def usual_before(
    store: ObjectStore, name: str, champion: str, window: str, history: Iterable[WindowResult]
) -> dict[str, Measured]:
    """Return the windows of a champion's first week that lie before one; none if under a day.

    `champion` is its digest, `history` the verdicts on its windows, each with what was measured.
    """
    key = f"drift/{name}/service/{champion[:24]}.json"
    try:
        first = Usual.model_validate_json(store.read(key)).windows
    except FileNotFoundError:
        known = {one.window: one.measured for one in history if one.measured}
        first = _first_week(known)
        # Not while windows of that week are caught up with.
        if _a_day(first) and _start(window) >= _start(min(first)) + WEEK:
            store.write(key, Usual(windows=first).model_dump_json().encode(), only_if_absent=True)
    before = {label: one for label, one in first.items() if label < window}
    return before if _a_day(before) else {}


def _a_day(windows: Mapping[str, Measured]) -> bool:
    return bool(windows) and _end(max(windows)) - _start(min(windows)) >= DAY


def _first_week(known: dict[str, Measured]) -> dict[str, Measured]:
    if not known:
        return {}
    last = _start(min(known)) + WEEK
    return {label: known[label] for label in sorted(known) if _start(label) < last}


def _start(label: str) -> datetime:
    return window_span(label)[0]


def _end(label: str) -> datetime:
    start, length = window_span(label)
    return start + length
