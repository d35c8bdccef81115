from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes, window_key, window_span
from tasks.drift.log import (
    WindowLog,
    list_windows,
    read_window,
    unread_files,
)
from tasks.inference_log.files import MAX_ROW_BYTES
from tasks.storage.objects import LocalStore
from tests.tasks.drift.reading import parse_window

HOUR = "2026-03-01T14"


def _value(number: int, **other: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "time": f"{HOUR}:{number:02d}:00Z",
        "model": "m",
        "prompt": f"What does number {number} cost?",
        "answer": "",
        **other,
    }


def _row(number: int) -> LogRow:
    return LogRow.model_validate(_value(number))


def _parse(*values: dict[str, Any] | bytes, end: bytes = b"\n", name: str = "f.jsonl") -> WindowLog:
    lines = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return parse_window(HOUR, [(name, b"\n".join(lines) + end)])


def test_broken_and_repeated_rows_are_counted_by_reason_and_the_rest_is_kept() -> None:
    without = {key: value for key, value in _value(9).items() if key != "answer"}
    log = _parse(
        *(_value(number) for number in range(3)),
        *(b"not json", b"[1]", b'{"id": "\xff"}', b"", b"{" * 100_000),
        *(without, _value(9, answer=None), _value(9, model=7), _value(9, prompt=" ")),
        *(_value(9, prompt=[{"role": "user"}]), _value(9, prompt="c" * MAX_ROW_BYTES)),
        *(_value(0), _value(1)),
    )
    assert [row.id for row in log.rows] == ["r0", "r1", "r2"]
    assert log.repeated_rows == 2
    assert log.refused == {
        **{"answer is null": 1, "bad JSON": 2, "bad UTF-8": 1, "model is no text": 1},
        **{"no answer": 1, "not a JSON object": 1, "prompt is empty": 1},
        **{"prompt is no text": 1, "row too long": 1},
    }


def test_more_fields_are_ignored_and_counted() -> None:
    log = _parse(*(_value(n, latency_ms=12, usage={"tokens": n}) for n in range(5)), _value(7))
    assert len(log.rows) == 6
    assert (log.refused, log.notes) == ({}, {"rows with unknown fields (ignored)": 5})


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("kind", [int, float, str])
def test_a_time_may_be_a_count_since_1970(per_second: int, kind: type) -> None:
    at = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    (row,) = _parse(_value(1, time=kind(int(at.timestamp()) * per_second))).rows
    assert abs(row.time - at) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (f"{HOUR}:01:00", "time without a zone"),
        (f"{HOUR}:01:00+02:00", "time outside the window"),
        ("2026-03-01T06:01:00Z", "time outside the window"),
        (1234, "time outside the window"),
        ("yesterday", "time is no time"),
        (True, "time is no time"),
        (-1, "time is no time"),
        (1e300, "time is no time"),
        ("0001-01-01T00:00:00Z", "time outside the window"),
        ("0001-01-01T00:00:00+14:00", "time is no time"),
        (None, "time is null"),
    ],
)
def test_a_time_that_tells_nothing_has_its_own_reason(time: Any, reason: str) -> None:
    assert _parse(_value(1, time=time)).refused == {reason: 1}


def test_ids_and_versions_may_be_numbers_and_nothing_is_taken_for_text() -> None:
    one, two = _parse(_value(1, id=7, version=3), _value(2, id=8, model_version="v3")).rows
    assert (one.id, one.version, two.version) == ("7", "3", "v3")
    assert _parse(_value(1, id=True)).refused == {"id is no text": 1}
    assert _parse(_value(1, id="")).refused == {"id is empty": 1}


def test_half_a_last_line_is_still_being_written_and_no_fault() -> None:
    half = json.dumps(_value(2)).encode()[:30]
    log = _parse(_value(1), half, end=b"")
    assert (len(log.rows), log.refused) == (1, {})
    assert log.notes == {"last line unfinished (still being written)": 1}
    assert len(_parse(_value(1), _value(2), end=b"").rows) == 2


def test_packed_hours_are_read_as_far_as_they_go() -> None:
    data = log_bytes(_row(number) for number in range(50))
    members = gzip.compress(data) + gzip.compress(log_bytes([_row(55)]))
    assert len(parse_window(HOUR, [("f.jsonl.gz", members)]).rows) == 51
    torn = parse_window(HOUR, [("f.jsonl.gz", members[:-12])])
    assert len(torn.rows) >= 50
    assert torn.notes == {"last line unfinished (still being written)": 1}
    broken = parse_window(HOUR, [("f.jsonl.gz", data)])
    assert broken.refused == {"no gzip file, or a damaged one": 1}
    import pyarrow as pa

    packed = pa.Codec("zstd").compress(data, asbytes=True)
    assert len(parse_window(HOUR, [("f.jsonl.zst", packed)]).rows) == 50


def test_parquet_hours_are_read_as_tools_write_them() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    table = pa.Table.from_pylist([_value(n, id=n, time=at, latency=1.5) for n in range(5)])
    file = io.BytesIO()
    pq.write_table(table, file)
    log = parse_window(HOUR, [("f.parquet", file.getvalue())])
    assert [row.id for row in log.rows] == list("01234")
    naive = table.set_column(1, "time", table["time"].cast(pa.timestamp("us")))
    file = io.BytesIO()
    pq.write_table(naive, file)
    assert parse_window(HOUR, [("f.parquet", file.getvalue())]).refused == {
        "time without a zone": 5
    }
    broken = parse_window(HOUR, [("f.parquet", file.getvalue()[:-9])])
    assert broken.refused == {"no Parquet file, or a damaged one": 1}


def test_other_encodings_are_said_and_a_byte_order_mark_is_none() -> None:
    text = log_bytes([_row(1), _row(2)])
    assert len(parse_window(HOUR, [("f.jsonl", b"\xef\xbb\xbf" + text)]).rows) == 2
    assert len(parse_window(HOUR, [("f.jsonl", text.replace(b"\n", b"\r\n"))]).rows) == 2
    wide = parse_window(HOUR, [("f.jsonl", text.decode().encode("utf-16"))])
    assert (wide.rows, wide.refused_rows > 0) == ((), True)
    empty = parse_window(HOUR, [("f.jsonl", b"")])
    assert (empty.rows, empty.refused) == ((), {})


def test_a_log_comes_back_from_the_store_and_windows_are_listed_in_time(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for window in ("2026-03-02", HOUR, "2026-03-01T09"):
        store.write(window_key("desk", window), log_bytes([_row(1)]))
    store.write(f"inference/desk/{HOUR}.jsonl.gz", gzip.compress(log_bytes([_row(1), _row(2)])))
    for name in (
        "notes.txt",
        f"{HOUR}.csv",
        f"old/{HOUR}.jsonl",
        "_SUCCESS",
        "2026-03-01-14.jsonl",
    ):
        store.write(f"inference/desk/{name}", b"")

    assert list_windows(store, "desk") == ["2026-03-01T09", HOUR, "2026-03-02"]
    assert (list_windows(store, "other"), unread_files(store, "desk")) == ([], 4)
    both = read_window(store, "desk", HOUR)
    assert (both.rows, both.repeated_rows) == ((_row(1), _row(2)), 1)


def test_a_missing_window_says_where_it_was_sought(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"inference/desk/2026-03-01\.jsonl"):
        read_window(LocalStore(tmp_path), "desk", "2026-03-01")


@pytest.mark.parametrize("window", ["today", "2026-13-01", "2026-03-01T25", "../2026-03-01", ""])
def test_a_label_that_is_no_window_is_refused(window: str) -> None:
    with pytest.raises(InputError, match="not a window"):
        window_key("desk", window)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_a_name_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not a model name"):
        window_key(name, "2026-03-01")


def test_a_window_spans_an_hour_or_a_day() -> None:
    assert window_span(HOUR)[1].total_seconds() == 3600
    assert window_span("2026-03-01")[1].total_seconds() == 86400
