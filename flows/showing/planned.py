"""The plan of a retraining as text: what `paddock run --dry-run` prints."""

from __future__ import annotations

from flows.asking.plan import Plan
from flows.showing.progress import duration


def describe(plan: Plan) -> str:
    """Return the plan as text."""
    lines = ["What this run would do (nothing was trained or registered):", ""]
    lines += [f"  source   {name}" for name in plan.sources[:10]]
    if len(plan.sources) > 10:
        lines.append(f"           and {len(plan.sources) - 10} more")
    lines.append(f"  rows     {plan.rows if plan.rows is not None else 'counted while reading'}")
    lines += [f"           {note}" for note in plan.notes]
    lines.append("")
    for entry in plan.stages:
        word = "found, skip" if entry.found else f"run, about {duration(entry.seconds)}"
        lines.append(f"  {entry.title:20s} {word}")
    lines += ["", f"  in all about {duration(plan.seconds)} (an estimate)"]
    return "\n".join(lines)
