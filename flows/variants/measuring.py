"""What a variant takes on this machine: its file's size, a cold start, memory, tokens a second.

Needs a model's folder. Writes a GGUF file into a scratch folder, starts the engine that serves it,
and takes both away again.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from data_contracts.errors import PaddockError
from tasks.exporting.gguf_file import plan_gguf, write_gguf
from tasks.exporting.weights import Quantize
from tasks.models.serving.server import free_ports
from tasks.serving.engines import ADAPTERS, served_names
from tasks.serving.specification import Engine

STEP = "compress"
CLIENTS = 4
TOKENS = 32  # of each answer, whatever the model would end with
_NAME = "variant"


class Taken(NamedTuple):
    """Bytes of the file, most bytes of memory, seconds until ready, tokens/s of 1 and 4 clients."""

    file_bytes: int
    peak_bytes: int
    cold_seconds: float
    tokens_per_second: float
    tokens_per_second_of_four: float


def measure(
    folder: Path, weights: Quantize, questions: Sequence[str], engine: Engine, log: Path
) -> Taken:
    """Serve a model with its weights kept so, ask it, and end it.

    PaddockError if its engine does not come to serve it.
    """
    with tempfile.TemporaryDirectory(prefix="paddock-variant-") as scratch, log.open("wb") as said:
        file = Path(scratch) / f"{weights}.gguf"
        write_gguf(plan_gguf(folder, weights), file, _NAME)
        [port] = free_ports(1)
        words = ADAPTERS["llama.cpp"].words(engine, file, port, _NAME)
        began = time.monotonic()
        process = subprocess.Popen(words, stdout=said, stderr=said)
        try:
            cold = _seconds_until_ready(process, port, began, engine.start_seconds, log)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                alone = _tokens_per_second(client, questions, 1)
                together = _tokens_per_second(client, questions, CLIENTS)
            return Taken(file.stat().st_size, _peak_bytes(process.pid), cold, alone, together)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _seconds_until_ready(
    process: subprocess.Popen[bytes], port: int, began: float, most: float, log: Path
) -> float:
    while _NAME not in served_names(port):
        if process.poll() is not None or time.monotonic() - began > most:
            raise PaddockError(
                "the engine of a variant did not come to serve it",
                step=STEP,
                where=f"its log: {log}",
                remedy="read its log; memory is what an engine lacks most often",
            )
        time.sleep(0.05)
    return time.monotonic() - began


def _tokens_per_second(client: httpx.Client, questions: Sequence[str], clients: int) -> float:
    def answered(question: str) -> int:
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": question}],
            "max_tokens": TOKENS,
            "ignore_eos": True,
            "cache_prompt": False,
        }
        answer = client.post("/v1/chat/completions", json=body).raise_for_status()
        return int(answer.json()["usage"]["completion_tokens"])

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        tokens = sum(pool.map(answered, questions))
    return tokens / (time.monotonic() - began)


def _peak_bytes(pid: int) -> int:
    """Return the most memory that a process took, as Linux counts it; 0 where it does not."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    peak = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(peak.split()[1]) << 10
