from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes, window_key, window_span
from tasks.drift.log import MAX_ROW_BYTES, list_windows, parse_window, read_window
from tasks.storage.objects import LocalStore


def _row(number: int) -> LogRow:
    return LogRow.model_validate(
        {
            "id": f"r{number}",
            "time": f"2026-03-01T14:{number:02d}:00Z",
            "model": "m",
            "prompt": f"What does number {number} cost?",
            "answer": "",
        }
    )


def test_broken_and_repeated_rows_are_counted_and_the_rest_is_kept() -> None:
    good = [_row(number) for number in range(3)]
    broken = [
        b"not json",
        b'{"id": "x"}',
        b"[1]",
        b'{"id": "\xff"}',
        log_bytes([good[0]]).replace(b'"model":"m"', b'"model":7').strip(),
        log_bytes([good[0]]).replace(b"14:00:00Z", b"14:00:00").strip(),  # no time zone
        log_bytes([good[0]]).replace(b'"r0"', b'"r9","extra":1').strip(),
        log_bytes([good[0]]).replace(b"cost", b"c" * MAX_ROW_BYTES).strip(),
    ]
    data = log_bytes(good) + b"\n".join(broken) + b"\n\n" + log_bytes(good[:2])

    log = parse_window("2026-03-01T14", data)

    assert list(log.rows) == good
    assert (log.bad_rows, log.repeated_rows) == (len(broken), 2)


def test_a_log_comes_back_from_the_store_and_windows_are_listed_in_time(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for window in ("2026-03-02", "2026-03-01T14", "2026-03-01T09"):
        store.write(window_key("desk", window), log_bytes([_row(1)]))
    store.write("inference/desk/notes.txt", b"")

    assert list_windows(store, "desk") == ["2026-03-01T09", "2026-03-01T14", "2026-03-02"]
    assert list_windows(store, "other") == []
    assert read_window(store, "desk", "2026-03-02").rows == (_row(1),)


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
    assert window_span("2026-03-01T14")[1].total_seconds() == 3600
    assert window_span("2026-03-01")[1].total_seconds() == 86400
