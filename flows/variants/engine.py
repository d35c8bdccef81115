"""A model's folder on llama.cpp, its weights kept as asked: `python -m flows.variants.engine`.

The words are `FOLDER --weights q4_0 --port P --name NAME --slots N --threads N --context N`; the
context is of one slot, and no more than the model reads. Writes one GGUF
file into a folder that goes with it, and runs the engine that serves it.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tasks.exporting.gguf_file import plan_gguf, write_gguf
from tasks.serving.engines import ADAPTERS
from tasks.serving.specification import Engine


def main() -> int:
    """Serve until told to stop; the engine's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--name", required=True)
    for name in ("port", "slots", "threads", "context"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paddock-variant-") as scratch:
        file = Path(scratch) / f"{asked.weights}.gguf"
        planned = plan_gguf(asked.folder, asked.weights)
        write_gguf(planned, file, "a variant")
        engine = Engine(
            weights=asked.weights,
            slots=asked.slots,
            threads=asked.threads,
            context=max(64, min(asked.context, planned.context)),
        )
        words = ADAPTERS["llama.cpp"].words(engine, file, asked.port, asked.name)
        process = subprocess.Popen(words)

        def end(_number: int, _frame: object) -> None:
            process.terminate()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        return process.wait()


if __name__ == "__main__":
    sys.exit(main())
