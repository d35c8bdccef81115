"""What is said of a router: intervals as every evaluation has them, and words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from model_registry.gates import Verdict
from model_registry.scorecard import Estimate, Scorecard
from tasks.evaluation.intervals import (
    RESAMPLES,
    mean_difference,
    mean_estimate,
    resamples,
    tail,
)
from tasks.routing.evaluating import Statistics
from tasks.routing.model import Router
from tasks.storage.outputs import Reference

SEED = 7  # of the resampling


def difference_of(one: Sequence[float], other: Sequence[float], seed: int, key: str) -> Estimate:
    """Return a paired difference with its interval."""
    return mean_difference(one, other, seed=seed, key=key)


def _estimate(scores: Sequence[float], key: str) -> Estimate:
    return mean_estimate(scores, seed=SEED, key=key)


def _difference(one: Sequence[float], other: Sequence[float], key: str) -> Estimate:
    return mean_difference(one, other, seed=SEED, key=key)


def _draws(count: int, key: str) -> Iterator[Any]:
    return resamples(count, seed=SEED, key=key)


STATISTICS = Statistics(
    estimate=_estimate,
    difference=_difference,
    draws=_draws,
    tail=tail,
    resamples=RESAMPLES,
)


def described(router: Router) -> str:
    """Return whom a router is between, what it costs and how it fares, as Markdown."""
    held = router.held
    prices = router.prices
    rows = {
        "small model": router.small.called,
        "large model": router.large.called,
        "a million tokens": f"{prices.small:g} and {prices.large:g} ({prices.unit})",
        "may lose": f"{router.points:g} points of 100",
        "threshold": "none: everything goes to the large model"
        if router.threshold is None
        else f"{router.threshold:+.3f} (how likelier the small model is right)",
        "sends to the small model": f"{held.small} of {held.asked} held-out requests",
        "saves": f"{held.saved:.1%} of the cost",
        "loses": f"{100 * held.lost:+.2f} points "
        f"[{100 * held.lost_low:+.2f}, {100 * held.lost_high:+.2f}]",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {text} |" for key, text in rows.items())])


def outcome(reference: Reference, router: Router, scorecard: Scorecard, verdict: Verdict) -> str:
    """Return an evaluation as text: every figure with its interval, the notes and the verdict."""
    lines = [
        f"router     {reference.digest[:16]}",
        f"small      {router.small.called}",
        f"large      {router.large.called}",
    ]
    lines += [f"asked      {name} {used.version}" for name, used in scorecard.eval_sets.items()]
    lines.append("")
    for key, metric in scorecard.metrics.items():
        figure = metric.scores["candidate"]
        apart = metric.differences.get("candidate-champion")
        more = f", {apart.shown(metric.unit, signed=True)} over what serves" if apart else ""
        lines.append(f"  {key:42s} {figure.shown(metric.unit):32s} n = {figure.n}{more}")
    lines += [
        "",
        *scorecard.notes,
        "",
        *(f"{one.gate.id}: {one.verdict}: {one.reason}" for one in verdict.gates),
        "PASSED" if verdict.passed else "REFUSED",
    ]
    return "\n".join(lines)
