"""Drift reads a day that is sealed as it read its raw files, and who answered is told by more."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow
from tasks.drift.attribution import Served, why_not
from tasks.drift.log import list_windows, read_window, unread_files
from tasks.inference_log.days import complete_days, remove_raw, seal_day
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs

HOUR = "2026-03-01T14"
NOW = datetime(2026, 3, 5, tzinfo=UTC)
SERVED = Served(name="desk", version=3, digest="0123456789abcdef" * 4, since=NOW)


def _value(number: int, **other: Any) -> dict[str, Any]:
    at = f"{HOUR}:{number:02d}:00Z"
    said = {"prompt": f"What does {number} cost?", "answer": "5 euros.", "version": 3}
    return {"id": f"r {number}", "time": at, "model": "desk", **said, **other}


def _write(store: LocalStore, window: str, *rows: Any) -> None:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    store.write(f"inference/desk/{window}.jsonl", "".join(f"{row}\n" for row in lines).encode())


class _Untouched:
    def redact_records(self, records: Any) -> list[Any]:
        return [
            SimpleNamespace(texts=list(texts), kinds=Counter[str](), dropped_for=None, unread="")
            for texts in records
        ]


def _seal(store: LocalStore, work: Path, raw_days: int | None) -> None:
    for day in complete_days(store, "desk", NOW, timedelta(0)):
        done = seal_day(Outputs(store, work), day, {}, _Untouched)
        remove_raw(store, done.day, NOW, raw_days)


@pytest.mark.parametrize("raw_days", [None, 0])
def test_a_sealed_day_is_read_as_its_raw_files_were(tmp_path: Path, raw_days: int | None) -> None:
    store = LocalStore(tmp_path / "store")
    _write(store, HOUR, _value(1), _value(2, version=None), "broken", _value(3, cost=-1))
    _write(store, "2026-03-02", _value(4, time="2026-03-02T01:00:00Z"))
    _write(store, "2026-03-05T01", _value(5, time="2026-03-05T01:00:00Z"))
    before, windows = read_window(store, "desk", HOUR), list_windows(store, "desk")
    _seal(store, tmp_path / "work", raw_days)
    after = read_window(store, "desk", HOUR)
    assert [row.prompt for row in after.rows] == [row.prompt for row in before.rows]
    assert (after.refused, list_windows(store, "desk")) == (before.refused, windows)
    assert (len(after.rows), unread_files(store, "desk")) == (2, 0)
    assert [why_not(row, SERVED) for row in after.rows] == [why_not(r, SERVED) for r in before.rows]
    assert read_window(store, "desk", HOUR).digest == after.digest


def test_what_comes_after_a_day_is_sealed_is_read_beside_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    _write(store, HOUR, _value(1), _value(2))
    _seal(store, tmp_path / "work", 0)
    sealed = read_window(store, "desk", HOUR)
    _write(store, f"{HOUR}.late", _value(2), _value(3))
    late = read_window(store, "desk", HOUR)
    assert [row.prompt for row in late.rows] == [f"What does {n} cost?" for n in (1, 2, 3)]
    assert (late.repeated_rows, late.digest != sealed.digest) == (1, True)
    with pytest.raises(InputError, match="no log of this window"):
        read_window(store, "desk", "2026-03-01T15")


@pytest.mark.parametrize(
    ("more", "left_out"),
    [
        ({}, "from before the champion served"),
        ({"weights": SERVED.digest}, ""),
        ({"weights": f"sha256:{SERVED.digest[:16]}"}, ""),
        ({"weights": "f" * 64}, "of another version"),
        ({"variant": "canary"}, "of the canary"),
        ({"variant": "canary", "version": "3"}, ""),
    ],
)
def test_weights_and_variants_tell_who_answered(more: dict[str, Any], left_out: str) -> None:
    row = LogRow.model_validate(_value(1, version=None) | more)
    assert why_not(row, SERVED) == left_out
