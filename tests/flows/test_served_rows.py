"""Rows that the champion answered, drawn at random from windows of a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, log_bytes, window_key
from flows.served import draw_rows, last_month, windows_between
from tasks.human_review.sample import draw_served, read_sample
from tasks.storage.objects import open_store

DIGEST = "c" * 64
SINCE = datetime(2026, 2, 10, tzinfo=UTC)
DAYS = ("2026-02-09", "2026-02-27", "2026-02-28", "2026-03-01")


@pytest.fixture
def workshop(tmp_path: Path) -> Any:
    """Keep ten rows a day, of which the first day's were answered before the champion served."""
    store = open_store(str(tmp_path / "store"))
    for day in DAYS:
        rows = [
            LogRow(
                id=f"{day}-{number}",
                time=datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=number),
                model="desk",
                prompt=f"How many bolts has shelf {number}?",
                answer=f"{number}, on {day}.",
            )
            for number in range(10)
        ]
        store.write(window_key("desk", day), log_bytes(rows))
    return SimpleNamespace(store=store)


def champion(version: int = 3, digest: str = DIGEST) -> Any:
    served = SimpleNamespace(version=version, digest=digest)
    return SimpleNamespace(name="desk", version=served, since=SINCE)


def test_a_month_is_the_last_whole_one(workshop: Any) -> None:
    now = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
    assert last_month(now) == (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    assert windows_between(workshop, "desk", *last_month(now)) == list(DAYS[:3])
    later = now.replace(month=3, day=31)
    assert last_month(later) == last_month(now)
    assert windows_between(workshop, "desk", *last_month(now.replace(month=1))) == []


def test_only_the_champion_s_rows_are_drawn_and_the_others_are_counted(workshop: Any) -> None:
    drawn = draw_rows(workshop, champion(), DAYS, 5, seed=7)
    assert (drawn.total, drawn.windows, drawn.left_out, len(drawn.rows)) == (30, 4, 10, 5)
    assert draw_rows(workshop, champion(), DAYS, 5, seed=7) == drawn
    assert draw_rows(workshop, champion(), DAYS, 5, seed=8).rows != drawn.rows
    another = draw_rows(workshop, champion(digest="d" * 64), DAYS, 5, seed=7)
    assert another.digest != drawn.digest  # else its answers would be found for this one's
    assert draw_rows(workshop, champion(), DAYS[:1], 5, seed=7)[:2] == ([], 0)


def test_what_is_kept_of_a_long_log_gives_the_same_sample_as_all_of_it(
    workshop: Any, tmp_path: Path
) -> None:
    whole = draw_rows(workshop, champion(), DAYS, 99, seed=7)
    few = draw_rows(workshop, champion(), DAYS, 6, seed=7)
    assert {row.name for row in few.rows} < {row.name for row in whole.rows}
    for name, drawn in (("whole", whole), ("few", few)):
        draw_served(drawn.rows, tmp_path / name, redact=str, size=6, seed=7, total=drawn.total)
    samples = [read_sample(tmp_path / name) for name in ("whole", "few")]
    assert samples[0] == samples[1]
    assert sum(answer.weight for answer in samples[1]) == pytest.approx(30)
