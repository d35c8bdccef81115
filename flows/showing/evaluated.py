"""What an evaluation says at its end: each model's figures, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping

from flows.showing.summary_page import scores_table, table
from flows.showing.summary_text import score_lines, waiting_lines
from model_registry.scorecard import MetricResult, Role, Scorecard
from tasks.evaluation.latency import Latency, wait_lines

PAIR_NAMES = {
    "candidate-base": "candidate minus base",
    "candidate-champion": "candidate minus champion",
    "champion-base": "champion minus base",
}


def render(scorecard: Scorecard, called: Mapping[Role, str], waits: Mapping[Role, Latency]) -> str:
    """Return the scorecard as text; `called` is what each model is known as.

    `waits` is how long its user waited, where that was measured.
    """
    asked = (f"{name} {used.version} ({used.cases})" for name, used in scorecard.eval_sets.items())
    lines = [f"{role:10s} {called[role]}  {scorecard.models[role][:16]}" for role in called]
    lines += [f"asked      {', '.join(asked)}", ""]
    metrics = [scorecard.metrics[key] for key in sorted(scorecard.metrics)]
    shown = [metric for metric in metrics if any(one.n for one in metric.scores.values())]
    lines += score_lines(shown) if shown else ["no answer could be scored"]
    pairs = sorted({pair for metric in shown for pair in metric.differences})
    for pair in pairs:
        lines += ["", f"{PAIR_NAMES[pair]} (95% intervals; ↑ ↓ say which way is better)"]
        lines += [_difference(metric, pair) for metric in shown if pair in metric.differences]
    if scorecard.notes:
        lines += ["", *scorecard.notes]
    lines += waiting_lines(wait_lines(waits))
    return "\n".join(lines)


def evaluation_page(
    scorecard: Scorecard, called: Mapping[Role, str], waits: Mapping[Role, Latency], served: str
) -> str:
    """Return the same as a page: who was asked, then tables, then what the figures do not tell.

    `served` is what a judge said of what was served of late; empty where nobody asked.
    """
    names = " and ".join(f"{role} ({called[role]})" for role in called)
    cases = sum(used.cases for used in scorecard.eval_sets.values())
    metrics = [scorecard.metrics[key] for key in sorted(scorecard.metrics)]
    parts = [f"**{cases} cases of {', '.join(scorecard.eval_sets)} were asked of {names}.**"]
    parts.append(scores_table(metrics))
    for pair in sorted({pair for metric in metrics for pair in metric.differences}):
        rows = [
            (metric.key, metric.differences[pair].shown(metric.unit, signed=True), _better(metric))
            for metric in metrics
            if pair in metric.differences
        ]
        parts.append(table((PAIR_NAMES[pair], "difference (95%)", "better"), rows))
    if served:
        parts.append(f"**What is served:** {served}")
    notes = (*scorecard.notes, *wait_lines(waits))
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes)])


def _better(metric: MetricResult) -> str:
    return "more" if metric.higher_is_better else "less"


def _difference(metric: MetricResult, pair: str) -> str:
    arrow = "↑" if metric.higher_is_better else "↓"
    estimate = metric.differences[pair]
    n = f"n {estimate.n}"
    return f"  {metric.key + ' ' + arrow:34s} {estimate.shown(metric.unit, signed=True):>24s}  {n}"
