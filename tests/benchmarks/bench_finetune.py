"""`make bench-finetune`: how fast fine-tuning is beside TRL, and what share of the GPU's limit.

On a GPU Llama-3.2-1B's and 3.1-8B's shapes, without one (or with --cpu) SmolLM2-135M's, weights
and tokens random, lengths log-normal. Each measurement is a process of its own: one that fails
says why, and the rest go on. TRL is measured where `trl` can be imported. Writes
`$OUT/bench_finetune.json` where OUT is set. --tiny tries every part on a tiny model.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.finetuning.throughput import matmul_limit
from tests.benchmarks.finetuning.measurements import GROUPS
from tests.benchmarks.finetuning.shapes import SHAPES

CHECKOUT = Path(__file__).resolve().parents[2]
PARAMETERS = {"1b": 1_235_814_400, "8b": 8_030_261_248, "135m": 134_515_008}


def main() -> int:
    """Run the measurements; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="the measurements of a CPU")
    parser.add_argument("--float8", action="store_true", help="what torchao's float8 would bring")
    parser.add_argument("--objectives", action="store_true", help="DPO, QLoRA and distillation")
    parser.add_argument("--only", default="", help="measurements whose names hold this")
    parser.add_argument("--tiny", action="store_true", help="a dry run")
    parser.add_argument("--seconds", type=float, default=10, help="of each of our measurements")
    parser.add_argument("--total", type=float, default=240, help="seconds after which none begins")
    options = parser.parse_args()
    import torch

    began = time.monotonic()
    on_gpu = torch.cuda.is_available() and not options.cpu
    group = "cpu" if options.cpu or not (on_gpu or options.tiny) else "gpu"
    if options.float8:
        group = "float8"
    if options.objectives:
        group = "objectives"
    limit = matmul_limit(torch.device("cuda")) if on_gpu else None
    device = torch.cuda.get_device_name(0) if on_gpu else "cpu"
    torch.cuda.empty_cache()
    print(f"{device}, torch {torch.__version__}", end="")
    print(f", 8192^3 bf16 products: {limit / 1e12:.0f} TFLOP/s" if limit else "", flush=True)
    chosen = {name: one for name, one in GROUPS[group].items() if options.only in name}
    names = list(chosen)
    results: dict[str, Any] = {}
    waiting = start(names[0], group, options)
    for name, following in zip(names, [*names[1:], None], strict=True):
        process = waiting
        if following is not None:
            waiting = start(following, group, options)  # it imports meanwhile
        if time.monotonic() - began > options.total:
            process.kill()
            results[name] = {"error": "no time was left"}
        else:
            results[name] = finish(process, options.total + 60 - (time.monotonic() - began))
        show(name, results[name], chosen[name][1], limit)
        save({"device": device, "torch": torch.__version__, "limit": limit, "results": results})
    compare(results, chosen)
    return 1 if any("error" in result for result in results.values()) else 0


def start(name: str, group: str, options: argparse.Namespace) -> subprocess.Popen[str]:
    """Start a measurement's process, which imports and then waits to be told to begin."""
    asked = json.dumps([name, group, options.tiny, 1 if options.tiny else options.seconds])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.finetuning.measurements", asked],
        cwd=CHECKOUT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """Let a measurement begin and return its result; its words are shown where it has none."""
    try:
        said = process.communicate("go\n", timeout=max(20.0, seconds))[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return {"error": "took too long", "said": process.communicate()[0][-3000:]}
    lines = [line for line in said.splitlines() if line.startswith("RESULT ")]
    result = json.loads(lines[-1][7:]) if lines else {"error": f"exit {process.returncode}"}
    if "error" in result:
        result["said"] = said[-3000:]
    return result


def show(name: str, result: dict[str, Any], settings: dict[str, Any], limit: float | None) -> None:
    """Print one measurement, with its share of the limit."""
    if "error" in result:
        print(f"{name:52} FAILED: {result['error']}\n{result.get('said', '')[-1500:]}", flush=True)
        return
    if "tokens_per_second" not in result:
        print(f"{name}: {json.dumps(result)}", flush=True)
        return
    speed = result["tokens_per_second"]
    line = f"{name:52} {speed:10,.0f} tokens/s {1000 * result['seconds_per_step']:8.0f} ms a step"
    if limit and settings["shape"] in PARAMETERS:
        adapts = settings.get("method", "full") != "full" or settings.get("lora")
        passes = 4 if adapts else 6
        result["share"] = speed * passes * PARAMETERS[settings["shape"]] / limit
        line += f"  {result['share']:4.0%} of the limit"
    if result.get("memory_gib"):
        line += f"  {result['memory_gib']:6.1f} GiB"
    if "estimate_gib" in result:
        line += f" (estimate {result['estimate_gib']['total']:.1f}), {result['kernels']}"
        line += f", {result['rows_per_pass']} rows a pass"
        if number := result["gradient_checkpointing"]:
            line += f", {number} layers checkpointed"
        line += f", starts in {result['start_seconds']:.1f} s, {result['filled']:.2%} filled"
        line += f", all in {result['all_in']:,.0f} tokens/s"
    print("\n".join([line, *(result.get("profile") or [])]), flush=True)


def compare(results: dict[str, Any], chosen: dict[str, tuple[Any, dict[str, Any]]]) -> None:
    """Print how many times each peer's speed ours is, with what our objective prepared."""
    mine: dict[str, float] = {}
    for name, result in results.items():
        kind = chosen[name][1].get("objective", "supervised")
        if "TRL" not in name and "all_in" in result:
            mine.setdefault(kind, result["all_in"])
        elif kind in mine and "tokens_per_second" in result:
            print(f"ours / {name}: {mine[kind] / result['tokens_per_second']:.2f}")


def save(found: dict[str, Any]) -> None:
    """Write what was found so far into the folder OUT, if there is one."""
    if folder := os.environ.get("OUT"):
        text = json.dumps(
            {"at": datetime.now(UTC).isoformat(), "shapes": SHAPES, **found}, indent=1
        )
        (Path(folder) / "bench_finetune.json").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
