"""A large window, read and counted, and the same features beside it in Evidently.

`python -m tests.benchmarks.drift.large_window STORE WINDOW` is the process that is measured, so
that memory and a core's seconds are its own; it prints them as JSON. Evidently has an environment
of its own, whose Python is given; 0.7.23 with pandas 2.3 was measured (it does not import beside
pandas 3, which its own requirements allow).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tasks.drift.attribution import Served
from tasks.drift.log import read_window
from tasks.drift.service.signals import judge
from tasks.drift.thresholds import Thresholds
from tasks.storage.objects import LocalStore
from tests.benchmarks.bench_log import DAY, write_rows
from tests.benchmarks.limits import Limits

SERVED = Served(name="desk", version=3, digest="d" * 64, since=datetime(2026, 1, 1, tzinfo=UTC))
MOST_GROWTH_MIB, MOST_SECONDS = 40, 60
PEER = Path(__file__).with_name("evidently_peer.py")
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def large(limits: Limits, rows: int, peer: str) -> None:
    """Measure a window of so many rows and one of a tenth; the smaller in Evidently too."""
    print(f"\na window of {rows:,} rows")
    with tempfile.TemporaryDirectory() as folder:
        stores = {count: Path(folder) / str(count) for count in (rows // 10, rows)}
        for count, store in stores.items():
            write_rows(store, count, one_window=True)
        few, many = (
            _run(sys.executable, "-m", __spec__.name, store, DAY) for store in stores.values()
        )
        limits.at_most(
            "seconds of a core for 1,000,000 rows", many["worked"] * 1e6 / rows, MOST_SECONDS
        )
        limits.at_most("MiB more than for a tenth", many["mib"] - few["mib"], MOST_GROWTH_MIB)
        if peer:
            file = stores[rows // 10] / f"inference/desk/{DAY}.jsonl"
            other = _run(peer, PEER, file, file)  # the window, and what it is compared with
            print(f"  Evidently's seconds of a core by ours: {other['worked'] / few['worked']:.2f}")


def _run(python: str, *words: object) -> dict[str, float]:
    command = [python, *map(str, words)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **ONE_CORE}
    )
    took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"  {took['rows']:,.0f} rows in {took['seconds']:.1f} s, {took['worked']:.1f} s of a core, "
        f"{took['mib']:.0f} MiB at most",
        flush=True,
    )
    return took


def main() -> None:
    """Read a window, and judge its service by itself."""
    store, window = LocalStore(Path(sys.argv[1])), sys.argv[2]
    began, worked = time.perf_counter(), time.process_time()
    log = read_window(store, "desk", window, SERVED)
    usual = {str(number): log.measured for number in range(24)}
    judge(log.measured, usual, Thresholds().service_alarms)  # pyright: ignore[reportCallIssue]
    took = {
        "seconds": time.perf_counter() - began,
        "worked": time.process_time() - worked,
        "rows": log.total,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
