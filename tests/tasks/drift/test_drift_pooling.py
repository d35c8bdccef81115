from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.inference_log import LogRow, log_bytes, window_key
from tasks.drift.attribution import Served
from tasks.drift.comparison import Status
from tasks.drift.decision import WindowResult
from tasks.drift.pooling import read_pooled, unjudged_before
from tasks.storage.objects import ObjectStore, open_store

NAME = "desk"
START = datetime(2026, 3, 1, tzinfo=UTC)
SERVED = Served(name=NAME, version=1, digest="d" * 64, since=START)


def _label(hour: int) -> str:
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Twenty rows an hour, for six hours; one of each hour was sent again in the next."""
    store = open_store(f"file://{tmp_path}")
    for hour in range(6):
        rows = [
            LogRow(
                id=f"{hour}-{number}",
                time=START + timedelta(hours=hour, minutes=number),
                model=NAME,
                prompt=f"question {hour} {number}",
                answer="yes",
            )
            for number in range(20)
        ]
        if hour:
            rows.append(rows[-1].model_copy(update={"id": f"{hour - 1}-19"}))
        store.write(window_key(NAME, _label(hour)), log_bytes(rows))
    return store


def _judged(**statuses: Status) -> list[WindowResult]:
    return [
        WindowResult(window=_label(int(hour[1:])), champion="d", status=status)
        for hour, status in statuses.items()
    ]


def test_a_thin_window_takes_along_as_many_as_it_needs(store: ObjectStore) -> None:
    windows = [_label(hour) for hour in range(6)]
    before = unjudged_before(_label(5), windows, [])
    assert before == [_label(hour) for hour in (4, 3, 2, 1, 0)]
    log = read_pooled(store, NAME, _label(5), before, SERVED, 50, 10_000)
    assert (log.window, log.since, len(log.rows)) == (_label(5), _label(3), 61)
    assert log.repeated_rows == 2  # 3-19 and 4-19 came in the next hour again
    assert len({row.id for row in log.rows}) == 61
    alone = read_pooled(store, NAME, _label(5), before, SERVED, 20, 10_000)
    assert (alone.since, len(alone.rows)) == ("", 21)
    every = read_pooled(store, NAME, _label(5), before, SERVED, 1000, 10_000)
    assert (every.since, len(every.rows)) == (_label(0), 120)


def test_windows_from_before_the_champion_served_are_not_taken_along(store: ObjectStore) -> None:
    since = START + timedelta(hours=4)
    served = SERVED.model_copy(update={"since": since})
    before = [_label(hour) for hour in (4, 3, 2, 1, 0)]
    log = read_pooled(store, NAME, _label(5), before, served, 1000, 10_000)
    assert (log.since, len(log.rows)) == (_label(4), 41)  # 3-19 came again in the next hour
    assert log.left_out == {}
    earlier = read_pooled(store, NAME, _label(3), before[2:], served, 1000, 10_000)
    assert (earlier.since, len(earlier.rows)) == ("", 0)
    assert earlier.left_out == {"from before the champion served": 21}


def test_no_row_is_judged_twice(store: ObjectStore) -> None:
    windows = [_label(hour) for hour in range(6)]
    for status in ("quiet", "drifted", "unreadable"):
        judged = _judged(h2=status, h3="not_enough_data", h4="not_enough_data")
        assert unjudged_before(_label(5), windows, judged) == [_label(4), _label(3)]
    # A second look at an earlier window finds what the first did: later verdicts change nothing.
    assert unjudged_before(_label(2), windows, _judged(h2="quiet", h5="quiet")) == windows[1::-1]
    assert unjudged_before(_label(0), windows, []) == []


def test_what_lies_more_than_a_week_back_is_not_taken_along() -> None:
    windows = ["2026-02-20T00", "2026-02-22T00", "2026-02-22T01", "2026-03-01T00"]
    assert unjudged_before("2026-03-01T00", windows, []) == ["2026-02-22T01", "2026-02-22T00"]
