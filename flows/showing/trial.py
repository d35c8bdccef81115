"""What a training of its own says at its end: how it went, where the model is, how to repeat it."""

from __future__ import annotations

import shlex

from data_contracts.records import Frozen
from tasks.finetuning.reproduce import Spent


class FinetuneSummary(Frozen):
    """A trained model that nothing registered; `rows_left_out` counts by reason."""

    name: str
    snapshot: str
    model: str
    place: str
    reused: bool
    steps: int
    first_loss: float
    final_loss: float
    validation_loss: float | None
    notes: tuple[str, ...]
    rows_left_out: dict[str, int]
    seconds: float | None
    cost: float | None
    command: tuple[str, ...]


def render(summary: FinetuneSummary) -> str:
    """Return the summary as text."""
    held = summary.validation_loss
    left_out = (f"{count} {reason}" for reason, count in summary.rows_left_out.items())
    lines = [
        f"Model      {summary.model}" + (" (it stood there already)" if summary.reused else ""),
        f"           {summary.place}/model",
        f"Snapshot   {summary.snapshot}",
        f"Training   {summary.steps} steps, loss {summary.first_loss:.3f} to "
        f"{summary.final_loss:.3f}" + ("" if held is None else f", {held:.3f} on validation"),
        f"           {Spent(seconds=summary.seconds, cost=summary.cost).words()}",
        f"Left out   {', '.join(left_out) or 'no row'}",
        *[f"           {note}" for note in summary.notes],
        f"Again      {shlex.join(summary.command)}",
        f"           {summary.place}/about/reproduce.md has the training alone",
        f"MLflow     experiment {summary.name}; nothing was registered",
    ]
    return "\n".join(line for line in lines if line.strip())
