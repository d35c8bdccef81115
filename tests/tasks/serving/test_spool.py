"""From captures to the log: paired, redacted, each kept before it is deleted."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from data_contracts.inference_log import LogRow
from tasks.serving import spool as module
from tasks.serving.specification import Specification
from tasks.serving.spool import Spool
from tasks.storage.objects import LocalStore

DESK = Specification(name="desk")
NOW = datetime(2026, 11, 2, 10, 30, tzinfo=UTC)
SECRET = "the planted value"


class Out(NamedTuple):
    texts: list[str]
    unread: str
    kinds: Counter[str]
    dropped_for: str | None = None


class Redactor:
    """Takes one value out; fails on one text, cannot read another."""

    def redact_records(self, records: Sequence[Sequence[str]]) -> list[Out]:
        if any("breaks it" in text for texts in records for text in texts):
            raise RuntimeError(SECRET)
        unread = ["pl" if "czego" in texts[0] else "" for texts in records]
        changed = [[text.replace(SECRET, "<X_1>") for text in texts] for texts in records]
        return [Out(texts, one, Counter()) for texts, one in zip(changed, unread, strict=True)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    (tmp_path / "tap").mkdir()
    return Spool(DESK, tmp_path / "tap", tmp_path / "access.jsonl", tmp_path / "log")


def tap(folder: Path, number: int, text: str, old: bool = False) -> Path:
    asked = {"messages": [{"role": "user", "content": text}]}
    said = {"model": "desk/3", "choices": [{"message": {"role": "assistant", "content": "Yes."}}]}
    trace = {
        "request": {
            "headers": [{"key": "x-request-id", "value": f"r-{number}"}],
            "body": {"as_string": json.dumps(asked)},
        },
        "response": {
            "headers": [{"key": ":status", "value": "200"}],
            "body": {"as_string": json.dumps(said)},
        },
    }
    path = folder / "tap" / f"t_{number}.json"
    path.write_text(json.dumps({"http_buffered_trace": trace}))
    if old:
        then = time.time() - 2 * module.WAIT_SECONDS
        os.utime(path, (then, then))
    return path


def line(folder: Path, number: int, **more: Any) -> None:
    said = {"id": f"r-{number}", "time": NOW.isoformat(), "code": 200, "arm": "stable", "ms": 40}
    with (folder / "access.jsonl").open("a") as file:
        file.write(json.dumps(said | more) + "\n")


def kept(folder: Path) -> list[LogRow]:
    files = sorted((folder / "log").glob("*.jsonl"))
    return [LogRow.model_validate_json(x) for file in files for x in file.read_text().splitlines()]


def test_pairs_are_kept_redacted_and_then_gone(spool: Spool, tmp_path: Path) -> None:
    first = tap(tmp_path, 1, f"My secret is {SECRET}")
    assert spool.work(Redactor(), {}) == 0
    assert first.exists()  # its line may come yet
    line(tmp_path, 1)
    line(tmp_path, 2)
    second = tap(tmp_path, 2, "Another")
    assert spool.work(Redactor(), {"desk/3": "b" * 64}) == 2
    assert [row.prompt for row in kept(tmp_path)] == ["My secret is <X_1>", "Another"]
    assert {row.weights for row in kept(tmp_path)} == {"b" * 64}
    assert not first.exists()
    assert not second.exists()
    assert spool.counts == {"rows": 2}


def test_a_capture_whose_line_was_lost_is_a_row_all_the_same(spool: Spool, tmp_path: Path) -> None:
    tap(tmp_path, 1, "Lost", old=True)
    assert spool.work(Redactor(), {}) == 1
    [row] = kept(tmp_path)
    assert (row.prompt, row.seconds) == ("Lost", None)
    assert spool.counts == {"rows": 1, module.UNTIMED: 1}


def test_what_cannot_be_kept_is_counted_and_holds_up_nothing(spool: Spool, tmp_path: Path) -> None:
    for number, text in enumerate(["Good", "this breaks it", "czego chcesz", "Also good"]):
        tap(tmp_path, number, text)
        line(tmp_path, number)
    broken = tmp_path / "tap" / "t_9.json"
    broken.write_text("half of a")
    assert spool.work(Redactor(), {}) == 4
    assert [row.prompt for row in kept(tmp_path)] == ["Good", "Also good"]
    assert spool.counts[module.FAILED] == 1
    assert spool.counts["in a language that no names model reads (pl)"] == 1
    assert broken.exists()
    os.utime(broken, (1, 1))
    spool.work(Redactor(), {})
    assert not broken.exists()
    assert spool.counts[module.UNREAD] == 1


def test_hours_are_put_away_again_when_they_grew_and_go_when_they_are_over(
    spool: Spool, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "store")
    tap(tmp_path, 1, "One")
    line(tmp_path, 1)
    spool.work(Redactor(), {})
    spool.put_away(store, "serve-a", NOW)
    key = "inference/desk/2026-11-02T10.serve-a-1.jsonl"
    assert store.read(key).count(b"\n") == 1
    tap(tmp_path, 2, "Two")
    line(tmp_path, 2)
    spool.work(Redactor(), {})
    spool.put_away(store, "serve-a", NOW + timedelta(hours=4))  # it grew: put away, and stays
    assert store.read(key).count(b"\n") == 2
    assert list((tmp_path / "log").glob("*.jsonl"))
    spool.put_away(store, "serve-a", NOW + timedelta(hours=4))
    assert not list((tmp_path / "log").iterdir())
    assert store.read(key).count(b"\n") == 2


def test_a_large_hour_goes_on_in_another_file(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_FILE", 300)
    for number in range(6):
        tap(tmp_path, number, "x" * 100)
        line(tmp_path, number)
        spool.work(Redactor(), {})
    names = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert names == [f"2026-11-02T10.{number}.jsonl" for number in (1, 2, 3)]
    store = LocalStore(tmp_path / "store")
    spool.put_away(store, "serve-a", NOW)
    assert sum(store.read(key).count(b"\n") for key in store.keys("inference/desk")) == 6


def test_a_gateway_that_opened_another_access_log_is_followed(spool: Spool, tmp_path: Path) -> None:
    tap(tmp_path, 1, "One")
    line(tmp_path, 1)
    spool.work(Redactor(), {})
    spool.begin_access_anew()
    assert not (tmp_path / "access.jsonl").exists()
    line(tmp_path, 2)
    tap(tmp_path, 2, "Two")
    assert spool.work(Redactor(), {}) == 1
    (tmp_path / "access.jsonl").rename(tmp_path / "old.jsonl")
    line(tmp_path, 3)
    tap(tmp_path, 3, "Three")
    assert spool.work(Redactor(), {}) == 1
    assert spool.counts == {"rows": 3}
