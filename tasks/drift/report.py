"""Write a window's verdict: `report.json` for programs, `report.md` and `report.png` for people.

Needs matplotlib for the plot. The same verdict gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.drift.comparison import DriftReport, WindowReport, counted
from tasks.drift.service.signals import NOT_YET
from tasks.drift.signals.signal import Signal

_HEADLINES = {
    "quiet": "no drift",
    "drifted": "DRIFT",
    "not_enough_data": "NOT ENOUGH DATA: nothing is known about drift in this window",
    "unreadable": "THE LOG CANNOT BE READ: nothing is known about drift in this window",
}


def write_report(report: WindowReport, out: Path) -> dict[str, int]:
    """Write the three files into a folder and return the counts."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
    (out / "report.md").write_text(markdown(report))
    _plot(report, out / "report.png")
    return {
        "rows": report.rows,
        "refused_rows": sum(report.refused.values()),
        "left_out_rows": sum(report.left_out.values()),
        "repeated_rows": report.repeated_rows,
        "signals_drifted": sum(signal.drifted for signal in report.result.signals),
        "drifted": int(report.result.status == "drifted"),
        "enough_data": int(report.result.status in ("quiet", "drifted")),
    }


def read_report(folder: Path) -> WindowReport:
    """Read a verdict back."""
    return WindowReport.model_validate_json((folder / "report.json").read_bytes())


def markdown(report: WindowReport) -> str:
    """Return a verdict as a short Markdown page."""
    result = report.result
    lines = [
        f"# Drift in {report.window}: {_HEADLINES[result.status]}",
        "",
        f"{result.reason}.",
        "",
        *_pooled(report),
        f"Log: {report.rows} rows of the champion, {sum(report.left_out.values())} left out, "
        f"{sum(report.refused.values())} cannot be read, {report.repeated_rows} repeated. "
        f"Compared: {result.window_rows} rows with {result.reference_rows} of the reference.",
        "",
        *_counts("Left out", report.left_out),
        *_counts("Cannot be read", report.refused),
        *_counts("Notes", report.notes),
    ]
    if result.signals:
        lines += [
            *_table(result.signals, "drifted"),
            "",
            "A signal has drifted where both are above. Of windows without drift "
            f"{result.p_value:.2%} have a signal that deviates as much as this one's worst.",
        ]
    lines += [*_tenants(result), *_service(report)]
    if result.new_words:
        lines += ["", f"Words the reference does not have: {', '.join(result.new_words)}."]
    return "\n".join(lines) + "\n"


def share(signal: Signal) -> float:
    """Return which share a signal is of what it takes, in size and in standard errors.

    It is the smaller of the two: from 1 on the signal has drifted.
    """
    sure, large = signal.deviation / signal.limit, signal.statistic / signal.threshold
    return max(0.0, min(sure, large))


def _pooled(report: WindowReport) -> list[str]:
    if not report.since:
        return []
    return [f"Thin windows were put together, from {report.since} to {report.window}.", ""]


def _counts(title: str, counts: Mapping[str, int]) -> list[str]:
    return [f"{title}: {counted(counts)}.", ""] if counts else []


def _table(signals: Sequence[Signal], verdict: str) -> list[str]:
    return [
        f"| signal | compares | change | matters from | standard errors | limit | {verdict} "
        "| meaning |",
        "|---|---|---:|---:|---:|---:|---|---|",
        *(_row(signal) for signal in signals),
    ]


def _tenants(result: DriftReport) -> list[str]:
    if not result.tenants:
        return []
    return [
        "",
        "Tenants by themselves; of those that part, one in twenty may by chance. What one tenant "
        "asks starts nothing by itself.",
        "",
        "| tenant | rows | p | parts in | meaning |",
        "|---|---:|---:|---|---|",
        *(
            f"| {one.tenant} | {one.rows} | {one.p_value:.4f} | {', '.join(one.drifted) or '-'} "
            f"| {one.explanation} |"
            for one in result.tenants
        ),
    ]


def _service(report: WindowReport) -> list[str]:
    if report.measured is None:
        return []
    if not report.service:
        return ["", f"Service: {NOT_YET}."]
    return [
        "",
        "Service, beside the windows of the champion's first week. It starts no retraining.",
        "",
        *_table(report.service, "worse"),
    ]


def _row(signal: Signal) -> str:
    verdict = "**yes**" if signal.drifted else "no"
    return (
        f"| {signal.name} | {signal.compares}: {signal.unit} | {signal.statistic:.3f} "
        f"| {signal.threshold:.3f} | {signal.deviation:.1f} | {signal.limit:.1f} | {verdict} "
        f"| {signal.explanation} |"
    )


def _plot(report: WindowReport, path: Path) -> None:
    """Draw each signal as a share of what makes it drift: right of the line is drift."""
    from matplotlib.figure import Figure

    signals = [*report.result.signals, *report.service]
    figure = Figure(figsize=(8, max(3.6, 0.9 + 0.33 * len(signals))), layout="constrained")
    axes: Any = figure.subplots()
    axes.set_title(f"{report.window}: {_HEADLINES[report.result.status]}", loc="left", fontsize=10)
    if signals:
        _draw_signals(axes, signals)
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, report.result.reason, ha="center", transform=axes.transAxes)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw_signals(axes: Any, signals: Sequence[Signal]) -> None:
    signals = signals[::-1]  # the first on top
    shares = [share(signal) for signal in signals]
    colors = ["#b5452c" if signal.drifted else "#4d7a96" for signal in signals]
    axes.barh([signal.name for signal in signals], shares, color=colors, height=0.6)
    axes.axvline(1.0, color="black", linewidth=1, linestyle="--")
    for place, signal in enumerate(signals):
        label = f" {signal.statistic:.3f}, {signal.deviation:.1f} standard errors"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(shares[place], place, label, va="center", fontsize=8, bbox=box)
    axes.set_xlim(0, max(1.5, *shares) * 1.35)
    axes.set_xlabel(
        "share of what it takes, in size and in standard errors, the smaller (red: drifted)",
        fontsize=8,
    )
    axes.spines[["top", "right"]].set_visible(False)
