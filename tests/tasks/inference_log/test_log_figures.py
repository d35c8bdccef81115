"""A log's figures: what is counted, how exactly, and in how little memory."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.inference_log import figures
from tasks.inference_log.days import complete_days, remove_raw, seal_day
from tasks.inference_log.figures import Group, LogFigures, read_figures
from tasks.inference_log.files import MAX_ROW_BYTES, entries
from tasks.inference_log.sketch import Sketch
from tasks.inference_log.tables import describe_figures
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs

Make = Callable[..., dict[str, Any]]
Write = Callable[..., None]
DAY = "2026-03-01"


def figures_of(store: LocalStore, tmp_path: Path, since: str = "", until: str = "") -> LogFigures:
    return read_figures(store, "desk", since, until, tmp_path)


@pytest.fixture
def logged(store: LocalStore, row: Make, write_log: Write) -> LocalStore:
    rich = {"prompt_tokens": 10, "answer_tokens": 4, "seconds": 2.0, "ttft": 0.5, "tenant": "t1"}
    rated = {"feedback": {"score": 0.5, "corrected": "no"}, "consent": "yes", "cost": 0.5}
    write_log(
        store,
        f"{DAY}T14.jsonl",
        *(row(1, **rich), row(2, **rich, finish_reason="length"), row(3, **rated), row(1, **rich)),
        *(row(4, version=None), row(5, prompt_tokens=-1), "broken", row(6, novel=1)),
    )
    write_log(store, f"{DAY}T15.jsonl", row(7, 15, variant="canary"), row(8, 14))
    write_log(store, "2026-03-02.jsonl", row(9, time="2026-03-02T01:00:00Z"))
    store.write("inference/desk/notes.txt", b"")
    return store


def test_rows_are_counted_by_window_version_tenant_and_variant(
    logged: LocalStore, tmp_path: Path
) -> None:
    found = figures_of(logged, tmp_path)
    counts = {group: one.rows for group, one in found.groups.items()}
    assert counts == {
        Group(f"{DAY}T14", "3", "t1", "-"): 2,
        Group(f"{DAY}T14", "3", "-", "-"): 3,  # one came in a later hour's file
        Group(f"{DAY}T14", "-", "-", "-"): 1,
        Group(f"{DAY}T15", "3", "-", "canary"): 1,
        Group("2026-03-02", "3", "-", "-"): 1,
    }
    assert found.read == sum(counts.values()) + sum(found.refused.values()) + found.duplicates
    assert found.refused == {"prompt_tokens is negative": 1, "bad JSON": 1}
    assert (found.duplicates, found.unread, found.days) == (1, 1, 2)
    text = describe_figures(found, "desk")
    line = next(line for line in text.splitlines() if " t1 " in line)
    assert line.split()[3:9] == ["-", "2", "20", "8", "2.02", "2.02"]
    assert "rows with unknown fields (ignored)" in text
    assert "1  no model version (a number or a digest)" in text
    only = figures_of(logged, tmp_path, "2026-03-02", "2026-03-02")
    assert (only.read, only.days) == (1, 1)


class _Untouched:
    def redact_records(self, records: Any) -> list[Any]:
        return [
            SimpleNamespace(texts=list(texts), kinds=Counter[str](), dropped_for=None, unread="")
            for texts in records
        ]


def test_a_sealed_day_has_the_figures_it_had(logged: LocalStore, tmp_path: Path) -> None:
    before = figures_of(logged, tmp_path)
    now = datetime(2026, 3, 5, tzinfo=UTC)
    for day in complete_days(logged, "desk", now, timedelta(0)):
        done = seal_day(Outputs(logged, tmp_path / "work"), day, {}, _Untouched)
        assert remove_raw(logged, done.day, now, 0) >= 1
    after = figures_of(logged, tmp_path)
    assert (after.sealed, after.read, after.refused) == (2, before.read, before.refused)
    assert {k: v.rows for k, v in after.groups.items()} == {
        k: v.rows for k, v in before.groups.items()
    }
    table, other = (describe_figures(one, "desk").splitlines()[:6] for one in (before, after))
    assert table == other


def test_quantiles_are_right_within_a_hundredth() -> None:
    rng = random.Random(3)
    for draw in (lambda: rng.expovariate(1), lambda: rng.lognormvariate(0, 3), lambda: 0.0):
        numbers = sorted(draw() for _ in range(5_000))
        sketch = Sketch()
        for number in numbers:
            sketch.add(number)
        for share in (0.01, 0.5, 0.95, 1.0):
            true, said = numbers[max(1, round(share * 5_000)) - 1], sketch.quantile(share)
            assert said == pytest.approx(true, rel=0.011, abs=1e-6)
    assert Sketch().quantile(0.5) is None


def test_more_lines_than_anybody_reads_are_one(
    logged: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST_GROUPS", 2)
    found = figures_of(logged, tmp_path)
    assert len(found.groups) == 3
    assert sum(one.rows for one in found.groups.values()) == 8
    assert "counted together as 'others'" in describe_figures(found, "desk")


def _peak(store: LocalStore, scratch: Path) -> int:
    tracemalloc.start()
    read_figures(store, "desk", "", "", scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, row: Make) -> None:
    peaks: list[int] = []
    for rows in (3_000, 30_000):
        store = LocalStore(tmp_path / str(rows))
        lines = (json.dumps(row(n, seconds=n / 1000)) + "\n" for n in range(rows))
        store.write(f"inference/desk/{DAY}.jsonl", "".join(lines).encode())
        peaks.append(_peak(store, tmp_path))
    assert peaks[1] < peaks[0] + (3 << 20)


def test_a_line_without_end_is_not_held() -> None:
    class Endless:
        def __init__(self) -> None:
            self.left = 64

        def read(self, size: int) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b'\n{"id": 1}\n' if self.left == 0 else b""

    tracemalloc.start()
    found: Iterator[Any] = entries("f.jsonl", Endless())  # type: ignore
    reasons = [(entry.reason, entry.value) for entry in found]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons == [("row too long", None), ("", {"id": 1})]
    assert peak < 12 * MAX_ROW_BYTES
