"""Draws a histogram of lengths as SVG that takes its colours from the page around it.

Needs matplotlib. Same histogram, same bytes. Writes nothing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from data_contracts.lengths import EDGES, bucket_end

_INK, _BAR = "#010203", "#040506"  # stand-ins for what the page's style sheet decides
_METADATA = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_MOST_TICKS = 8


def length_svg(histogram: Mapping[int, int], unit: str) -> str:
    """Return an inline SVG element; `unit` names the axis. The histogram is not empty."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    edges = [edge for edge in EDGES if min(histogram) <= edge <= max(histogram)]
    counts = [histogram.get(edge, 0) for edge in edges]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": unit, "font.size": 9}):
        figure = Figure(figsize=(4.4, 2.1), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(range(len(edges)), counts, width=1.0, align="edge", color=_BAR, linewidth=0)
        step = -(-len(edges) // _MOST_TICKS)
        ticks = list(range(0, len(edges) + 1, step))
        ends = [*edges, bucket_end(edges[-1])]
        axes.set_xticks(ticks, [f"{ends[tick]:,}" for tick in ticks])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
        axes.set_xlabel(unit, color=_INK)
        axes.set_ylabel("rows", color=_INK)
        axes.tick_params(colors=_INK)
        for side, line in axes.spines.items():
            line.set_visible(side in ("left", "bottom"))
            line.set_color(_INK)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    svg = _METADATA.sub("", drawn.getvalue()[drawn.getvalue().index("<svg") :])
    return svg.replace(_INK, "currentColor").replace(_BAR, "var(--bar)")
