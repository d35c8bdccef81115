"""What a training of its own says at its end: how it went, where the model is, how to repeat it.

Needs the summary; `page` is for Prefect, `render` for a terminal.
"""

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
    lines = [
        f"Model      {summary.model}" + (" (it stood there already)" if summary.reused else ""),
        f"           {summary.place}/model",
        f"Snapshot   {summary.snapshot}",
        f"Training   {_course(summary)}",
        f"           {_spent(summary)}",
        f"Left out   {_left_out(summary)}",
        *[f"           {note}" for note in summary.notes],
        f"Again      {shlex.join(summary.command)}",
        f"           {summary.place}/about/reproduce.md has the training alone",
        f"MLflow     experiment {summary.name}; nothing was registered",
    ]
    return "\n".join(line for line in lines if line.strip())


def outcome(summary: FinetuneSummary) -> str:
    """Return what a run came to, as one sentence; its state in Prefect says so."""
    new = "Nothing new, the model stood there already. " if summary.reused else ""
    return f"{new}{summary.name} was trained: {_course(summary)}; nothing was registered."


def page(summary: FinetuneSummary) -> str:
    """Return the summary as a page of Markdown."""
    told = [_spent(summary), f"Left out: {_left_out(summary)}.", *summary.notes]
    rows = {
        "model": summary.model,
        "its files": f"{summary.place}/model",
        "snapshot": summary.snapshot,
        "again": shlex.join(summary.command),
    }
    lines = [f"# {outcome(summary)}", "", *(f"- {line}" for line in told if line.strip())]
    return "\n".join([*lines, "", *(f"- {key}: `{value}`" for key, value in rows.items())])


def _course(summary: FinetuneSummary) -> str:
    held = summary.validation_loss
    course = f"{summary.steps} steps, loss {summary.first_loss:.3f} to {summary.final_loss:.3f}"
    return course + ("" if held is None else f", {held:.3f} on validation")


def _spent(summary: FinetuneSummary) -> str:
    return Spent(seconds=summary.seconds, cost=summary.cost).words()


def _left_out(summary: FinetuneSummary) -> str:
    left_out = (f"{count} {reason}" for reason, count in summary.rows_left_out.items())
    return ", ".join(left_out) or "no row"
