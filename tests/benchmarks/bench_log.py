"""How fast a log is counted, and in how much memory: `python -m tests.benchmarks.bench_log [ROWS]`.

Each size is measured in a process of its own, without redaction, over files of JSON lines by the
hour of one day. A core's own seconds count, since the machine may be shared.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tasks.inference_log.figures import read_figures
from tasks.storage.objects import LocalStore
from tests.benchmarks.limits import Limits

ROWS = 1_000_000
DAY = "2026-03-01"
LEAST_ROWS_A_SECOND, MOST_GROWTH_MIB = 10_000, 40


def write_rows(folder: Path, rows: int, *, one_window: bool = False) -> None:
    """Write so many rows of about 500 bytes, one in a hundred of them twice.

    They are a day's, in files by the hour, or in one file.
    """
    log = folder / "inference/desk"
    log.mkdir(parents=True)
    for hour in range(24):
        window = DAY if one_window else f"{DAY}T{hour:02d}"
        with (log / f"{window}.jsonl").open("a") as file:
            for number in range(hour * rows // 24, (hour + 1) * rows // 24):
                row = {
                    "id": f"request-{number - number % 100 if number % 100 == 1 else number:09d}",
                    "time": f"{DAY}T{hour:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z",
                    "model": "desk",
                    "version": 3,
                    "tenant": f"team-{number % 7}",
                    "prompt": f"How long may I take to return number {number}? " * 4,
                    "answer": "You may take 30 days from the day on which it came. " * 3,
                    "prompt_tokens": 40 + number % 50,
                    "completion_tokens": 20,
                    "ttft": 0.1 + number % 10 / 100,
                    "total_seconds": 0.5 + number % 100 / 100,
                    "finish_reason": "stop",
                }
                file.write(json.dumps(row) + "\n")


def measure(folder: Path) -> dict[str, float]:
    """Count a log's rows; return seconds, rows and this process's greatest size in MiB."""
    with tempfile.TemporaryDirectory() as scratch:
        began, worked = time.perf_counter(), time.process_time()
        found = read_figures(LocalStore(folder), "desk", "", "", Path(scratch))
        took, worked = time.perf_counter() - began, time.process_time() - worked
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": took, "worked": worked, "rows": found.read, "mib": size}


def _measured(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        write_rows(Path(folder), rows)
        command = [sys.executable, "-m", "tests.benchmarks.bench_log", "--of", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> int:
    """Measure a tenth of the rows and all of them."""
    if sys.argv[1:2] == ["--of"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
        return 0
    rows = int(sys.argv[1]) if sys.argv[1:] else ROWS
    few, many = _measured(rows // 10), _measured(rows)
    for one in (few, many):
        print(
            f"{one['rows']:,.0f} rows in {one['seconds']:.1f} s ({one['worked']:.1f} s of a core): "
            f"{one['rows'] / one['worked']:,.0f} rows/s of a core, {one['mib']:.0f} MiB at most"
        )
    limits = Limits()
    limits.at_least("rows/s of a core", many["rows"] / many["worked"], LEAST_ROWS_A_SECOND)
    limits.at_most("MiB more for ten times the rows", many["mib"] - few["mib"], MOST_GROWTH_MIB)
    return limits.exit_code()


if __name__ == "__main__":
    sys.exit(main())
