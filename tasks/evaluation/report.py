"""The scorecard for people: a Markdown table and a plot of points with their intervals.

Needs a scorecard; writes the plot where it is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_registry.scorecard import Estimate, MetricResult, Role, Scorecard, Unit

COLORS: dict[Role, str] = {"base": "#8a8f98", "candidate": "#1f6feb", "champion": "#d9822b"}
DIRECTION = {True: "higher is better", False: "lower is better"}


def markdown(scorecard: Scorecard) -> str:
    """Return the scorecard as Markdown; shares in percent, differences in points."""
    roles = list(scorecard.models)
    pairs = sorted({pair for m in scorecard.metrics.values() for pair in m.differences})
    heads = ["metric", "n", *roles, *[pair.replace("-", " − ") for pair in pairs]]
    lines = [
        "# Scorecard",
        "",
        f"Intervals hold {scorecard.confidence:.0%} ({scorecard.resamples:,} bootstrap resamples"
        f" of cases, seed {scorecard.seed}). Shares are in percent.",
        "",
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
    ]
    for metric in scorecard.metrics.values():
        lines.append("| " + " | ".join(_cells(metric, roles, pairs)) + " |")
    lines += ["", "| model | digest |", "|---|---|"]
    lines += [f"| {role} | `{digest[:16]}` |" for role, digest in scorecard.models.items()]
    lines += ["", "| eval set | version | cases | digest |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {used.version} | {used.cases} | `{used.digest[:16]}` |"
        for name, used in scorecard.eval_sets.items()
    ]
    return "\n".join(lines) + "\n"


def shown(estimate: Estimate | None, unit: Unit, *, signed: bool = False) -> str:
    """Return an estimate as `value [low, high]`, or "missing"."""
    if estimate is None or estimate.value is None:
        return "missing"
    form = ("{:+.1f}" if signed else "{:.1f}") if unit == "share" else "{:+.2f}"
    if unit == "perplexity" and not signed:
        form = "{:.2f}"
    scale = 100 if unit == "share" else 1
    if estimate.low is None or estimate.high is None:
        return f"{form.format(estimate.value * scale)} (no interval)"
    value, low, high = (
        form.format(x * scale) for x in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]"


def _cells(metric: MetricResult, roles: list[Role], pairs: list[str]) -> list[str]:
    n = max((estimate.n for estimate in metric.scores.values()), default=0)
    arrow = "↑" if metric.higher_is_better else "↓"
    scores = [shown(metric.scores.get(role), metric.unit) for role in roles]
    changes = [shown(metric.differences.get(p), metric.unit, signed=True) for p in pairs]
    return [f"{metric.key} {arrow}", str(n), *scores, *changes]


def write_plot(scorecard: Scorecard, path: Path) -> None:
    """Draw every metric's points and intervals, shares on the left, perplexity on the right."""
    from matplotlib.figure import Figure

    shares = [m for m in scorecard.metrics.values() if m.unit == "share"]
    others = [m for m in scorecard.metrics.values() if m.unit == "perplexity"]
    figure = Figure(figsize=(11, 1.6 + 0.52 * max(len(shares), 3)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 1.3])
    _draw(left, shares, scale=100)
    left.set_xlim(-3, 103)
    left.set_xlabel("percent of cases, with 95% interval")
    _draw(right, others, scale=1)
    right.set_xlabel("perplexity, with 95% interval")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw(axes: Any, metrics: list[MetricResult], scale: float) -> None:
    """Draw metrics from the top down, the models of a metric one under the other."""
    for row, metric in enumerate(metrics):
        for place, (role, estimate) in enumerate(metric.scores.items()):
            if estimate.value is None or estimate.low is None or estimate.high is None:
                continue
            y = row + (place - (len(metric.scores) - 1) / 2) * 0.22
            value, low, high = (scale * x for x in (estimate.value, estimate.low, estimate.high))
            axes.plot([low, high], [y, y], color=COLORS[role], linewidth=2.2, alpha=0.55)
            label = role if row == 0 else None
            axes.plot([value], [y], "o", color=COLORS[role], markersize=6, label=label)
    names = [f"{m.key}\n({DIRECTION[m.higher_is_better]})" for m in metrics]
    axes.set_yticks(range(len(metrics)), names, fontsize=8)
    axes.set_ylim(len(metrics) - 0.5, -0.5)
    axes.grid(axis="x", color="#e3e5e8", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
