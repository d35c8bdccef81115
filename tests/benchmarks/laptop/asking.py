"""Asks a model in a build of its own: `python asking.py MODEL PRECISION SCRATCH SETS...`.

It is run by each build's Python as a file, and imports nothing but that build's evaluation. What
loading a model takes is measured with one case and left out. Prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(model: str, precision: str, scratch: str, *folders: str) -> None:
    """Ask one case twice, the first time to load the libraries, then all; print the difference."""
    from eval_sets.loading import load_eval_set_folder
    from tasks.evaluation.generation import generate_answers

    sets = [load_eval_set_folder(Path(folder)) for folder in folders]
    one = [sets[0].model_copy(update={"cases": sets[0].cases[:1]})]
    found: list[tuple[float, float, int]] = []
    for number, asked in enumerate((one, one, sets)):
        began, used = time.perf_counter(), time.process_time()
        dtype: Any = precision
        counts = generate_answers(
            Path(model), asked, Path(scratch) / str(number), device="cpu", dtype=dtype
        )
        now = (time.perf_counter() - began, time.process_time() - used, counts["tokens"])
        found.append(now)
    first, last = found[1], found[2]
    seconds, cpu, tokens = (b - a for a, b in zip(first, last, strict=True))
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "tokens": tokens}))


if __name__ == "__main__":
    main(*sys.argv[1:])
