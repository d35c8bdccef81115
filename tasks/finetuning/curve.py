"""Draws the loss over the steps, while a run trains and at its end."""

from __future__ import annotations

import io
from collections.abc import Sequence

SMOOTH_FROM = 60  # steps, from which on a running mean shows more than the steps do


def draw_losses(
    points: Sequence[tuple[int, float]],
    validation_loss: float | None = None,
    steps: int | None = None,
    axis: str = "cross-entropy per target token",
) -> bytes:
    """Return a PNG of (step, loss) points, with the validation loss as a line across.

    `steps`, of a run that is not at its end, are those that it will have: the axis ends there.
    `axis` says what the loss is of and over.
    The same points give the same bytes. Needs no screen, and leaves matplotlib's state alone.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    at, losses = [step for step, _ in points], [loss for _, loss in points]
    smooth = len(points) >= SMOOTH_FROM
    axes.plot(at, losses, color="#2b6cb0", alpha=0.35 if smooth else 1.0, label="training")
    if smooth:
        axes.plot(at, _running_mean(losses), color="#2b6cb0", label="its running mean")
    if validation_loss is not None:
        axes.axhline(
            validation_loss,
            color="#c05621",
            linestyle="--",
            label=f"validation, at the end: {validation_loss:.3f}",
        )
    if len(points) == 1:
        axes.plot(at, losses, "o", color="#2b6cb0")  # a line of one point is not seen
    if steps is not None:
        axes.set_xlim(0, steps)
    axes.set(xlabel="optimizer step", ylabel=axis, ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()


def _running_mean(losses: Sequence[float]) -> list[float]:
    """Return each loss's mean with those before it, the newest counting most.

    By a tenth in a short run, by less in a long one, whose mean would be as ragged as its steps.
    """
    share = min(0.1, 30 / len(losses))
    found: list[float] = []
    total = weight = 0.0
    for loss in losses:
        total = (1 - share) * total + share * loss
        weight = (1 - share) * weight + share
        found.append(total / weight)
    return found
