"""Sealing a day, killed at any moment and run again: the same shard, and no raw file before it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.inference_log.sealed import read_sealed, sealed_items
from tasks.storage.objects import LocalStore

Write = Callable[..., None]
Make = Callable[..., dict[str, Any]]
DAY = "2026-03-01"

_DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from datetime import UTC, datetime, timedelta
from collections import Counter
import time
from tasks.inference_log.days import complete_days, remove_raw, seal_day
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs

class Done:
    dropped_for, unread, kinds = None, "", Counter()
    def __init__(self, texts):
        self.texts = list(texts)

class Slow:
    def redact_records(self, records):
        time.sleep(0.01)
        return [Done(texts) for texts in records]

root = Path(sys.argv[1])
store, now = LocalStore(root / "store"), datetime(2026, 3, 5, tzinfo=UTC)
print("begun", flush=True)
for day in complete_days(store, "desk", now, timedelta(0)):
    done = seal_day(Outputs(store, root / "work"), day, {"rules": 1}, Slow)
    print("sealed", flush=True)
    remove_raw(store, done.day, now, 1)
"""


def test_killed_at_any_moment_and_run_again_the_end_is_the_same(
    tmp_path: Path, row: Make, write_log: Write
) -> None:
    checkout = str(Path(__file__).resolve().parents[3])
    ends: list[Any] = []
    for kills in (0, 4):
        root = tmp_path / str(kills)
        store = LocalStore(root / "store")
        for hour in range(6):
            rows = [row(n + 1000 * hour, hour) for n in range(500)]
            write_log(store, f"{DAY}T{hour:02d}.jsonl", *rows, "broken", rows[0])
        command = [sys.executable, "-c", _DRIVER, str(root), checkout]
        for _ in range(kills):
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, start_new_session=True, text=True
            )
            assert process.stdout
            assert process.stdout.readline() == "begun\n"
            time.sleep(random.uniform(0, 0.6))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        sealed = read_sealed(store, "desk", DAY)
        assert sealed is not None
        assert not [key for key in store.keys("inference") if key.endswith(".jsonl")]
        ends.append((sealed, [item.identity for item in sealed_items(store, sealed)]))
    assert ends[0] == ends[1]
    assert (ends[0][0].counts.kept, ends[0][0].version) == (3000, 1)
