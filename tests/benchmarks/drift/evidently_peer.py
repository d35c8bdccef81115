"""The peer of a large window: Evidently over the same rows and features, in its own environment.

A script: `python evidently_peer.py REFERENCE.jsonl WINDOW.jsonl` with a Python that has evidently
(0.7.23 was measured) prints, as JSON, seconds, a core's own seconds, rows and memory in MiB.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from typing import Any

NUMBERS = ["question", "reply", "seconds", "first_token"]
KINDS = ["failed", "cut"]


def read(path: str) -> Any:
    """Return the features of a log's rows as a table: [n, 6]."""
    pandas: Any = importlib.import_module("pandas")
    rows = pandas.read_json(path, lines=True).drop_duplicates("id")
    rows["question"] = rows["prompt"].str.split().str.len()
    rows["reply"] = rows["answer"].str.split().str.len()
    rows["seconds"], rows["first_token"] = rows["total_seconds"], rows["ttft"]
    rows["failed"] = rows["answer"].str.strip().eq("") | rows["finish_reason"].eq("error")
    rows["cut"] = rows["finish_reason"].eq("length")
    return rows[NUMBERS + KINDS]


def main() -> None:
    """Read both, compare them, and say what it took."""
    evidently: Any = importlib.import_module("evidently")
    presets: Any = importlib.import_module("evidently.presets")
    began, worked = time.perf_counter(), time.process_time()
    definition = evidently.DataDefinition(numerical_columns=NUMBERS, categorical_columns=KINDS)
    reference, current = (
        evidently.Dataset.from_pandas(read(path), data_definition=definition)
        for path in sys.argv[1:3]
    )
    loaded = time.process_time() - worked
    found = evidently.Report([presets.DataDriftPreset()]).run(current, reference)
    told = found.dict()
    took = {
        "seconds": time.perf_counter() - began,
        "worked": time.process_time() - worked,
        "loaded": loaded,
        "rows": current.stats().row_count,
        "metrics": len(told["metrics"]),
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
