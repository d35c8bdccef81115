"""`make bench-router`: what a router saves and loses between two models, on real eval sets.

A model (the embedded base, or `--model FOLDER`) with its weights kept in two ways, or two models
(`--small-model FOLDER`), are asked the cases of the eval sets on llama.cpp and measured there. A
router is made of one part of the cases and judged on the other: the curve of cost against quality,
beside random mixing and length alone. With `--splits` the cases are parted anew so many times: how
often the threshold keeps its promise on what it never saw. Answers are kept in `--keep`, and found
there again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval_sets.loading import list_eval_sets, load_eval_set
from eval_sets.types import EvalSet
from flows.compressing import QUESTIONS, serving_of
from flows.routers.judging import STATISTICS, described, difference_of
from flows.routers.pairing import pairs_from
from flows.variants.measuring import measure
from model_registry.gates import judge
from model_registry.policy import load_policy
from model_registry.scorecard import Scorecard
from tasks.evaluation.comparison import build_scorecard
from tasks.evaluation.generation import generate_answers
from tasks.evaluation.report import markdown
from tasks.evaluation.tables import read_rows
from tasks.exporting.weights import QUANTIZED, Quantize
from tasks.models.encoding import Encoder
from tasks.routing.building import Asked, build_router
from tasks.routing.curve import Prices
from tasks.routing.evaluating import CURVE, evaluate_router
from tasks.routing.model import Router, Side, features_of, read_router
from tasks.routing.pairs import Pair
from tasks.serving.specification import Engine
from tests.benchmarks.bench_variants import START_SECONDS, embedded

ALONE = 100  # decisions that are timed


def main() -> int:
    """Ask, measure, build, judge and print."""
    asked = _words()
    sets = [load_eval_set(name) for name in asked.eval_sets or list_eval_sets()]
    sets = [_some(one, asked.cases) for one in sets]
    with tempfile.TemporaryDirectory() as scratch:
        keep = asked.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        base = keep / "base"
        model = asked.model or (base if base.exists() else embedded(base))
        ways: dict[str, tuple[Path, Quantize]] = {
            "champion": (model, asked.large),
            "candidate": (asked.small_model or model, asked.small),
        }
        folders = {
            role: _answers(keep / f"{role}-{weights}", folder, weights, sets, asked.threads)
            for role, (folder, weights) in ways.items()
        }
        prices = _prices(asked, ways, sets, keep)
        build_scorecard(
            {role: folders[role] for role in ("champion", "candidate")},
            {},
            sets,
            {"champion": "large", "candidate": "small"},
            keep / "scorecard",
        )
        rows = read_rows(keep / "scorecard" / "cases.parquet")
        tokens = {
            role: {(r["eval_set"], r["case_id"]): int(r["tokens"]) for r in read_rows(place)}
            for role, folder in folders.items()
            if (place := folder / "answers.parquet")
        }
        pairs, left_out = pairs_from(rows, tokens, sets)
        print(f"{len(pairs)} cases of {len(sets)} eval sets, {left_out} without a figure\n")
        encoder = _Remembering()
        _judge(pairs, prices, asked.points, keep, encoder)
        if asked.splits:
            _split_again(pairs, prices, asked.points, asked.splits, keep, encoder)
    return 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="the large model; none: the embedded base")
    parser.add_argument("--small-model", type=Path, help="none: the large one")
    parser.add_argument("--large", choices=QUANTIZED, default="f16")
    parser.add_argument("--small", choices=QUANTIZED, default="q4_0")
    parser.add_argument("--eval-sets", nargs="+", help="none: all that ship")
    parser.add_argument("--cases", type=int, default=0, help="of each set at most; 0: all")
    parser.add_argument("--points", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small-cost", type=float, default=0.0, help="0: both are measured")
    parser.add_argument("--large-cost", type=float, default=0.0)
    parser.add_argument("--splits", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for what was answered")
    return parser.parse_args()


def _some(found: EvalSet, most: int) -> EvalSet:
    if not most or len(found.cases) <= most:
        return found
    step = len(found.cases) // most
    return found.model_copy(update={"cases": found.cases[::step][:most]})


def _answers(
    out: Path, model: Path, weights: Quantize, sets: Sequence[EvalSet], threads: int
) -> Path:
    if not (out / "answers.parquet").exists():
        serving = serving_of(weights, threads, sets, START_SECONDS)
        generate_answers(model, sets, out, serving=serving, name="variant")
    return out


def _prices(
    asked: argparse.Namespace,
    ways: dict[str, tuple[Path, Quantize]],
    sets: Sequence[EvalSet],
    keep: Path,
) -> Prices:
    if asked.small_cost and asked.large_cost:
        return Prices(small=asked.small_cost, large=asked.large_cost)
    questions = [case.messages[-1].content for one in sets for case in one.cases][:QUESTIONS]
    hours: dict[str, float] = {}
    for role, (folder, weights) in ways.items():
        engine = Engine(weights=weights, threads=asked.threads, start_seconds=START_SECONDS)
        taken = measure(folder, weights, questions, engine, keep / "engine.log")
        hours[role] = 1e6 / 3600 / taken.tokens_per_second_of_four
    return Prices(small=hours["candidate"], large=hours["champion"], unit="hours of an engine")


class _Remembering(Encoder):
    """The packaged encoder, which encodes a text once."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Any] = {}

    def encode(self, texts: Sequence[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= dict(zip(new, super().encode(new), strict=True))
        return np.array([self._known[text] for text in texts])


def _built(
    pairs: list[Pair], prices: Prices, points: float, out: Path, encoder: Encoder
) -> tuple[Router, Scorecard]:
    out.mkdir(exist_ok=True)
    small, large = (Side(name=name, version=1, digest=name) for name in ("small", "large"))
    asked = Asked(small=small, large=large, prices=prices, points=points)
    build_router(pairs, asked, encoder, out, seed=7, difference=difference_of)
    router = read_router(out)
    scorecard = evaluate_router(
        pairs,
        {"candidate": ("router", router)},
        encoder,
        {},
        out,
        seed=7,
        statistics=STATISTICS,
        page=markdown,
    )
    return router, scorecard


def _split_again(
    pairs: list[Pair], prices: Prices, points: float, splits: int, keep: Path, encoder: Encoder
) -> None:
    """Part the cases anew, and print how thresholds fare on what they were not chosen on."""
    saved: list[float] = []
    lost: list[float] = []
    gained: list[float] = []
    for split in range(splits):
        anew = [
            pair.model_copy(update={"group": f"{split}/{pair.group or pair.id}"}) for pair in pairs
        ]
        router, scorecard = _built(anew, prices, points, keep / "split", encoder)
        area = scorecard.metrics["routing/area_over_random"].scores["candidate"].value
        gained.append(100 * (area or 0.0))
        saved.append(100 * router.held.saved)
        lost.append(100 * router.held.lost)
    over = sum(one > points for one in lost)
    print(
        f"\n{splits} other partings: saves {np.mean(saved):.1f} % on average "
        f"({min(saved):.1f} to {max(saved):.1f}), loses {np.mean(lost):+.2f} points "
        f"({min(lost):+.2f} to {max(lost):+.2f}), more than {points:g} in {over}; "
        f"area over random mixing {np.mean(gained):+.2f} points"
    )


def _judge(pairs: list[Pair], prices: Prices, points: float, keep: Path, encoder: Encoder) -> None:
    """Build a router, judge it, and print both."""
    out = keep / "router"
    router, scorecard = _built(pairs, prices, points, out, encoder)
    print(f"{described(router)}\n")
    for key, metric in scorecard.metrics.items():
        print(f"{key:42s} {metric.scores['candidate'].shown(metric.unit)}")
    print(*("", *scorecard.notes, ""), sep="\n")
    for gate in judge(load_policy("routing"), scorecard).gates:
        print(f"{gate.gate.id}: {gate.verdict}: {gate.reason}")
    _print_curve(json.loads((out / CURVE).read_text()))
    _print_waits(Encoder(), [pair.question for pair in pairs][:: max(1, len(pairs) // ALONE)])


def _print_curve(curves: dict[str, dict[str, list[float]]]) -> None:
    """Print right answers at each tenth of what sending all to the small model would save."""
    print("\nright answers in % at a share of what the small model alone would save")
    print("saved     " + "".join(f"{tenth:>7.0%}" for tenth in np.linspace(0, 1, 11)))
    for name, told in curves.items():
        saved, quality = np.array(told["saved"]), np.array(told["quality"])
        order = np.argsort(saved, kind="stable")
        at = np.interp(np.linspace(0, 1, 11), saved[order], quality[order])
        print(f"{name:10s}" + "".join(f"{100 * one:7.1f}" for one in at))


def _print_waits(encoder: Encoder, questions: Sequence[str]) -> None:
    import torch

    torch.set_num_threads(1)  # as the door
    features_of(encoder, questions[:1], [1])
    waits: list[float] = []
    for question in questions:
        began = time.perf_counter()
        features_of(encoder, [question], [1])
        waits.append(1000 * (time.perf_counter() - began))
    half, most = np.quantile(waits, [0.5, 0.95])
    print(f"\na decision takes {half:.1f} ms (median), {most:.1f} ms (95 of 100), on one thread")


if __name__ == "__main__":
    raise SystemExit(main())
