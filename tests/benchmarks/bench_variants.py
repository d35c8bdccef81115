"""`make bench-variants`: a model's weights in fewer bits: what they take, and how answers change.

The embedded base (or a folder: `--model`) is asked cases of an eval set by our own decoder, and by
llama.cpp with its weights kept in each way. Sizes, memory, cold start and tokens/s are this
machine's; the share of equal answers says how far rounding and engine move greedy decoding, which
a trained model with sure answers does less than a base. No limit is set: `paddock compress` judges.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from eval_sets.loading import load_eval_set
from flows.compressing import serving_of
from flows.variants.measuring import Taken, measure
from tasks.evaluation.generation import generate_answers
from tasks.evaluation.scoring import score_cases
from tasks.exporting.weights import QUANTIZED, Quantize
from tasks.finetuning.base_model import locate, materialize
from tasks.models.serving.server import Serving
from tasks.serving.specification import Engine

BASE, EVAL_SET = "smollm2-135m-instruct", "instruction_following"
ALL: tuple[Quantize, ...] = ("f16", "q8_0", "q5_0", "q4_0")
START_SECONDS = 600.0


def main() -> int:
    """Ask and measure each way, and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a folder with a Llama; none: the embedded base")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", nargs="+", choices=QUANTIZED, default=list(ALL))
    asked = parser.parse_args()
    found = load_eval_set(EVAL_SET)
    cases = found.cases[:: max(1, len(found.cases) // asked.cases)][: asked.cases]
    chosen = found.model_copy(update={"cases": cases})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = asked.model or embedded(folder / "base")

        def answers(name: str, serving: Serving | None) -> Path:
            out = folder / name
            generate_answers(model, [chosen], out, serving=serving, name="variant")
            return out

        before = answers("ours", None)
        print(
            f"{len(cases)} cases of {EVAL_SET}, {asked.threads} threads, answered right by our own"
        )
        print("decoder, by llama.cpp, and alike by both; then what llama.cpp takes\n")
        print("weights   right  right  equal      file   memory  cold start  tokens/s  of four")
        for weights in asked.weights:
            after = answers(weights, serving_of(weights, asked.threads, [chosen], START_SECONDS))
            scored = score_cases({"champion": before, "candidate": after}, [chosen])
            right = [
                sum(bool(one.answers[role].scores["accuracy"]) for one in scored) / len(scored)
                for role in ("champion", "candidate")
            ]
            equal = sum(
                one.answers["champion"].answer == one.answers["candidate"].answer for one in scored
            )
            engine = Engine(weights=weights, threads=asked.threads, start_seconds=START_SECONDS)
            questions = [case.messages[-1].content for case in cases[:8]]
            taken = measure(model, weights, questions, engine, folder / "engine.log")
            print(_line(weights, right, equal / len(scored), taken), flush=True)
    return 0


def embedded(folder: Path) -> Path:
    folder.mkdir()
    base = locate(BASE, lambda name: Path(name), None, folder)
    materialize(base, folder)
    return folder


def _line(weights: str, right: list[float], equal: float, taken: Taken) -> str:
    return (
        f"{weights:8s} {right[0]:6.1%} {right[1]:6.1%} {equal:6.0%} "
        f"{taken.file_bytes / 1e6:6.0f} MB {taken.peak_bytes / (1 << 20):4.0f} MiB "
        f"{taken.cold_seconds:9.1f} s {taken.tokens_per_second:9.1f} "
        f"{taken.tokens_per_second_of_four:8.1f}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
