"""The curve for people: what is saved against how right answers are. Writes the plot it is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tasks.routing.curve import Curve

_LOOKS = {
    "router": ("this router", "#1f6feb", "-"),
    "length": ("by length alone", "#d9822b", "--"),
    "random": ("random mixing", "#8a8f98", ":"),
}


def draw(
    curves: Mapping[str, Curve], chosen: tuple[float, float], ratio: float, path: Path
) -> None:
    """Draw the curves, as shares of the large model's cost, with the threshold's place on them.

    `ratio` is what the small model's answers cost as a share of the large one's.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, drawn in curves.items():
        label, color, line = _LOOKS[name]
        cost = 100 * (1 - drawn.saved * (1 - ratio))
        axes.plot(cost, 100 * drawn.quality, line, color=color, label=label, linewidth=1.8)
    axes.plot(
        [100 * (1 - chosen[0] * (1 - ratio))],
        [100 * chosen[1]],
        "o",
        color=_LOOKS["router"][1],
        markersize=8,
        label="its threshold",
    )
    axes.set_xlabel("cost in % of the large model's")
    axes.set_ylabel("answers right in %")
    axes.grid(color="#e3e5e8", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
