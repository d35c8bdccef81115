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
    """Return the scorecard as Markdown, every figure in its own unit."""
    roles = list(scorecard.models)
    pairs = sorted({pair for m in scorecard.metrics.values() for pair in m.differences})
    heads = ["metric", "unit", "n", *roles, *[pair.replace("-", " − ") for pair in pairs]]
    lines = [
        "# Scorecard",
        "",
        f"Intervals hold {scorecard.confidence:.0%}: Clopper and Pearson's of shares, Tango's or"
        f" Bonett and Price's (the wider) of their paired differences (in points), and of all else"
        f" the bootstrap's ({scorecard.resamples:,} resamples of cases, seed {scorecard.seed}).",
        "",
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
    ]
    for metric in scorecard.metrics.values():
        lines.append("| " + " | ".join(_cells(metric, roles, pairs)) + " |")
    if scorecard.notes:
        lines += ["", *[f"- {note}" for note in scorecard.notes]]
    lines += _lost(scorecard)
    lines += ["", "| model | digest |", "|---|---|"]
    lines += [f"| {role} | `{digest[:16]}` |" for role, digest in scorecard.models.items()]
    lines += ["", "| eval set | version | cases | digest |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {used.version} | {used.cases} | `{used.digest[:16]}` |"
        for name, used in scorecard.eval_sets.items()
    ]
    return "\n".join(lines) + "\n"


def _lost(scorecard: Scorecard) -> list[str]:
    """Return the cases that a reference had right and the candidate has wrong, by figure."""
    reference: Role = "champion" if "champion" in scorecard.models else "base"
    found = {
        key: metric.changes[f"candidate-{reference}"]
        for key, metric in scorecard.metrics.items()
        if f"candidate-{reference}" in metric.changes
    }
    if not found:
        return []
    lines = ["", f"## Right for the {reference}, wrong for the candidate", ""]
    for key, changes in found.items():
        cases = ", ".join(f"`{case}`" for case in changes.lost)
        told = f": {cases}" if cases else ""
        lines.append(f"- {key}: {len(changes.lost)} lost, {changes.won} won{told}")
    return lines


def _cells(metric: MetricResult, roles: list[Role], pairs: list[str]) -> list[str]:
    n = max((estimate.n for estimate in metric.scores.values()), default=0)
    arrow = "↑" if metric.higher_is_better else "↓"
    missing = Estimate(value=None, low=None, high=None, n=0)
    scores = [metric.scores.get(role, missing).shown(metric.unit) for role in roles]
    changes = [metric.differences.get(p, missing).shown(metric.unit, signed=True) for p in pairs]
    return [f"{metric.key} {arrow}", metric.unit.name, str(n), *scores, *changes]


def write_plot(scorecard: Scorecard, path: Path) -> None:
    """Draw every metric's points and intervals, the metrics of a unit side by side."""
    from matplotlib.figure import Figure

    units: dict[Unit, list[MetricResult]] = {}
    for metric in scorecard.metrics.values():
        units.setdefault(metric.unit, []).append(metric)
    longest = max(len(metrics) for metrics in units.values())
    width, ratios = 3.5 + 3.75 * len(units), [3, *[1.3] * (len(units) - 1)]
    figure = Figure(figsize=(width, 1.6 + 0.52 * max(longest, 3)), layout="constrained")
    drawn = figure.subplots(1, len(units), width_ratios=ratios, squeeze=False)[0]
    labels: dict[str, Any] = {}
    for axes, (unit, metrics) in zip(drawn, units.items(), strict=True):
        _draw(axes, metrics, unit)
        handles, names = axes.get_legend_handles_labels()
        labels |= dict(zip(names, handles, strict=True))
    figure.legend(
        labels.values(), labels.keys(), loc="outside upper center", ncols=3, frameon=False
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw(axes: Any, metrics: list[MetricResult], unit: Unit) -> None:
    """Draw metrics from the top down, the models of a metric one under the other."""
    for row, metric in enumerate(metrics):
        for place, (role, estimate) in enumerate(metric.scores.items()):
            if estimate.value is None or estimate.low is None or estimate.high is None:
                continue
            y = row + (place - (len(metric.scores) - 1) / 2) * 0.22
            value, low, high = (
                unit.scale * x for x in (estimate.value, estimate.low, estimate.high)
            )
            axes.plot([low, high], [y, y], color=COLORS[role], linewidth=2.2, alpha=0.55)
            axes.plot([value], [y], "o", color=COLORS[role], markersize=6, label=role)
    names = [f"{m.key}\n({DIRECTION[m.higher_is_better]})" for m in metrics]
    axes.set_yticks(range(len(metrics)), names, fontsize=8)
    axes.set_ylim(len(metrics) - 0.5, -0.5)
    if unit.bounds:
        low, high = (unit.scale * end for end in unit.bounds)
        axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    axes.set_xlabel(f"{unit.name}{f' in {unit.mark}' if unit.mark else ''}, with 95% interval")
    axes.grid(axis="x", color="#e3e5e8", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
