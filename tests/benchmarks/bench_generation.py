"""`make bench-generation`: how fast the evaluation's answers come, beside transformers' generate.

On a GPU Llama-3.2-1B's shape in bf16, prompts of 200 tokens and 96 new ones, batch 1, 64 and 256;
without one (or with --cpu) SmolLM2-135M's. Weights and tokens are random and no answer ends early.
First what must hold on the device is checked. A part that fails says why, and the rest go on.
Writes `$OUT/bench_generation.json` where OUT is set. --tiny tries every part on a tiny model;
--profile prints the kernels that take a step's time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.finetuning.shapes import SHAPES, build
from tests.benchmarks.generating import checks, ours, peers
from tests.benchmarks.generating.figures import (
    Plan,
    compare,
    show,
    show_operations,
    show_tokens,
    step_bytes,
)

PLANS = {
    "gpu": Plan("1b", 200, 96, {1: 48, 64: 768, 256: 3072}, 5),
    "cpu": Plan("135m", 60, 24, {1: 4, 8: 16, 32: 64}, 10, "tiny"),
    "tiny": Plan("tiny", 20, 8, {1: 6, 4: 16, 16: 64}, 0.5, "tiny"),
}


class Report:
    """What was found, saved after each part, and what failed."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.failed: list[str] = []

    def part(self, name: str, work: Callable[[], Any]) -> Any:
        """Do one part; where it fails, print the end of its traceback and return None."""
        began = time.perf_counter()
        try:
            result = work()
        except Exception:
            said = traceback.format_exc()
            print(f"{name}: FAILED\n{said[-1800:]}", flush=True)
            self.failed.append(name)
            self.found[name] = {"error": said[-1800:]}
            result = None
        else:
            self.found[name] = result
        print(f"  [{name}: {time.perf_counter() - began:.1f} s]", flush=True)
        self.save()
        return result

    def save(self) -> None:
        """Write what was found so far into the folder OUT, if there is one."""
        if folder := os.environ.get("OUT"):
            kept = {"at": datetime.now(UTC).isoformat(), "shapes": SHAPES, **self.found}
            path = Path(folder) / "bench_generation.json"
            path.write_text(json.dumps(kept, indent=1, default=str))


def main() -> int:
    """Run the parts; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="the measurements of a CPU")
    parser.add_argument("--tiny", action="store_true", help="a dry run")
    parser.add_argument("--profile", action="store_true", help="the kernels of a step")
    parser.add_argument("--no-peer", action="store_true", help="ours alone")
    options = parser.parse_args()
    import torch

    on_gpu = torch.cuda.is_available() and not options.cpu
    device = torch.device("cuda" if on_gpu else "cpu")
    plan = PLANS["tiny" if options.tiny else "gpu" if on_gpu else "cpu"]
    report = Report()
    report.found["versions"] = versions(device)
    print(report.found["versions"], flush=True)
    if on_gpu:
        report.part("operations against torch", lambda: show_operations(device))
    report.part("tokens against the model's own", lambda: show_tokens(plan, device))
    limit = report.part("copy rate", lambda: copy_rate(device))
    measure_all(plan, device, limit, report, options)
    if report.failed:
        print(f"FAILED: {', '.join(report.failed)}")
    return 1 if report.failed else 0


def versions(device: Any) -> dict[str, str]:
    """Return what the figures were taken on."""
    import torch
    import transformers

    try:
        import triton

        compiler = str(triton.__version__)
    except ImportError:
        compiler = "none"
    gpu = torch.cuda.get_device_name(0) if device.type == "cuda" else platform.processor()
    return {
        "device": gpu or "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "triton": compiler,
        "python": platform.python_version(),
    }


def copy_rate(device: Any) -> float:
    """Return the bytes a second, read and written, of a copy within the device's memory."""
    import torch

    size = 2 << 30 if device.type == "cuda" else 64 << 20
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    rates: list[float] = []
    for _ in range(5):
        peers.wait(device)
        began = time.perf_counter()
        for _ in range(4):
            target.copy_(source)
        peers.wait(device)
        rates.append(8 * size / (time.perf_counter() - began))
    print(f"copy within memory: {max(rates) / 1e12:.3f} TB/s read and written", flush=True)
    return max(rates)


def measure_all(plan: Plan, device: Any, limit: float | None, report: Report, options: Any) -> None:
    """Measure ours and the peer at each batch size, and compare the answers."""
    import torch

    kind = torch.bfloat16 if device.type == "cuda" or plan.shape == "135m" else torch.float32
    model = build(plan.shape, device, kind)
    rng = random.Random(7)
    words = range(3, model.config.vocab_size)
    prompts = [rng.choices(words, k=plan.prompt) for _ in range(max(plan.prompts.values()))]
    answers: dict[int, Any] = {}
    for batch, count in plan.prompts.items():
        measure(plan, batch, model, prompts[:count], limit, report, options, answers)
    report.part("answers between batch sizes", lambda: compare(answers))
    largest = max(plan.prompts)
    if options.profile and device.type == "cuda":
        for size in (1, largest):
            lines = report.part(
                f"profile {size}", lambda s=size: ours.profile(model, prompts[:s], plan.new)
            )
            print("\n".join(lines or []), flush=True)
    report.part(f"batch {largest}, ours with an adapter", lambda: adapted(model, prompts, plan))


def measure(
    plan: Plan,
    batch: int,
    model: Any,
    prompts: list[list[int]],
    limit: float | None,
    report: Report,
    options: Any,
    answers: dict[int, Any],
) -> None:
    """Measure ours and the peer at one batch size."""

    def ours_whole() -> dict[str, Any]:
        return ours.measure(model, prompts, plan.new, batch)

    def ours_parts() -> dict[str, float]:
        return ours.parts(model, prompts, plan.new, batch, plan.new // 3)

    def generate() -> dict[str, Any]:
        return peers.measure(model, prompts, plan.new, batch, plan.peer_seconds)

    mine = report.part(f"batch {batch}, ours", ours_whole)
    if mine:
        answers[batch] = mine.pop("answers")
        mine |= report.part(f"batch {batch}, parts", ours_parts) or {}
    peer = None if options.no_peer else report.part(f"batch {batch}, generate", generate)
    show(batch, mine, peer, step_bytes(model, plan, batch), limit)


def adapted(model: Any, prompts: list[list[int]], plan: Plan) -> dict[str, Any]:
    """Measure with an adapter of rank 16 on every linear layer, not merged."""
    batch = max(plan.prompts)
    adapter = checks.random_adapter(model, 16)
    result = ours.measure(model, prompts[: 4 * batch], plan.new, batch, adapter)
    del result["answers"]
    print(f"batch {batch} with an adapter: {result['tokens_per_second']:,.0f} tokens/s")
    return result


if __name__ == "__main__":
    sys.exit(main())
