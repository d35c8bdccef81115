"""`make bench-serving`: what the gateway and the log cost, and how fast an engine is there.

On loopback, in one run: answers of a stub that costs little, asked directly and through the
gateway, turn by turn; then the embedded SmolLM2 on llama.cpp, asked directly and through all of
what `paddock serve` starts (gateway, capture, redaction of names too), by 1, 4 and 16 clients. All
of it shares this machine's cores with who asks. A few minutes. Exit code 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.limits import Limits
from tests.benchmarks.serving.asking import Asked, ask
from tests.benchmarks.serving.parts import Engine, Front, Stub, embedded_model, log_writer

ADDED_MS, LEAST_RATE, LEAST_SHARE, COLD_SECONDS = 2.0, 2_000.0, 0.95, 5.0
SHORT = b'{"messages":[{"role":"user","content":"Hello?"}]}'
QUESTION = (
    b'{"messages":[{"role":"user","content":"I am Mara Feldkamp (mara@example.org). Tell me in a '
    b'few sentences what to look at before I buy a tent."}],"max_tokens":48,"temperature":0}'
)


def turns(
    direct: int, through: int, clients: int, seconds: float, rounds: int, body: bytes
) -> tuple[list[Asked], list[Asked]]:
    """Ask both ports turn by turn, so that what else the machine does falls on both alike."""
    both: tuple[list[Asked], list[Asked]] = [], []
    for _ in range(rounds):
        for port, found in zip((direct, through), both, strict=True):
            found.append(ask(port, clients, seconds, body))
    return both


def gateway(limits: Limits, folder: Path, seconds: float) -> None:
    """Measure what the gateway adds to an answer that costs little."""
    with Stub(folder / "stub") as stub, Front(folder / "front", (stub.port,), keep=False) as front:
        bare, behind = turns(stub.port, front.port, 4, seconds, 5, SHORT)
        added = [b.p95_ms - a.p95_ms for a, b in zip(bare, behind, strict=True)]
        print(f"  4 clients: p95 {_median(bare)} ms directly, {_median(behind)} ms through it")
        limits.at_most("gateway: added to p95, ms", statistics.median(added), ADDED_MS)
        _, full = turns(stub.port, front.port, 32, seconds, 3, SHORT)
        rate = statistics.median(one.rate for one in full)
        limits.at_least("gateway: requests a second, 32 clients", rate, LEAST_RATE)
        limits.at_most("gateway: requests that failed", sum(one.failed for one in full), 0)


def engine(limits: Limits, folder: Path, seconds: float) -> None:
    """Measure an engine alone and behind all that a serving has."""
    model = embedded_model()
    cold = []
    for _ in range(3):
        with Engine(model) as one:
            cold.append(one.ready_seconds)
    limits.at_most("engine: from a cold start to its first answer, s", min(cold), COLD_SECONDS)
    with (
        Engine(model, slots=16) as one,
        Front(folder / "whole", (one.port,), keep=True) as front,
        log_writer(front),
    ):
        for clients in (1, 4, 16):
            bare, behind = turns(one.port, front.port, clients, seconds, 3, QUESTION)
            alone = statistics.median(asked.tokens_a_second for asked in bare)
            whole = statistics.median(asked.tokens_a_second for asked in behind)
            print(f"  {clients} clients: {alone:.1f} tokens/s alone, {whole:.1f} behind all of it")
            limits.at_least(f"engine: share kept, {clients} clients", whole / alone, LEAST_SHARE)
        rows = front.rows_kept(30)
    print(f"  rows kept by the log's writer meanwhile: {rows}")


def _median(found: list[Asked]) -> str:
    return f"{statistics.median(one.p95_ms for one in found):.2f}"


def main() -> int:
    """Print the figures; 1 if one missed its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one turn with the stub")
    asked = parser.parse_args()
    limits = Limits()
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as folder:
        gateway(limits, Path(folder), asked.seconds)
        engine(limits, Path(folder), 3 * asked.seconds)
    return limits.exit_code()


if __name__ == "__main__":
    sys.exit(main())
