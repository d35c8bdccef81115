"""How promises stand, as people read it. Pure."""

from __future__ import annotations

from data_contracts.text_tables import aligned_table
from tasks.slo.budget import Budget, Pause
from tasks.slo.objectives import COUNTED, Promises

_HEADS = ("objective", "bad is", "target", "requests", "bad", "budget left", "burn", "state")


def status_table(name: str, promises: Promises, budgets: tuple[Budget, ...], pause: Pause) -> str:
    """Return a line an objective, and whether releases are held."""
    rows = [_row(promises, one) for one in budgets]
    held = f"Releases of {name} are held: {pause.words}." if pause.held else _free(promises, name)
    return "\n".join(
        [
            f"What {name} promised over the last {promises.days} days, by its inference log:",
            "",
            *aligned_table(_HEADS, rows),
            "",
            held,
        ]
    )


def _row(promises: Promises, one: Budget) -> tuple[str, ...]:
    objective = promises.objectives[one.objective]
    limit = f" ({objective.at_most_ms:g} ms)" if objective.at_most_ms else ""
    return (
        one.objective,
        COUNTED[objective.of] + limit,
        f"{objective.target:.4g}",
        f"{one.requests:,}",
        f"{one.bad:,}",
        "too few to tell" if one.left is None else f"{one.left:.1%}",
        "-" if one.burn is None else f"{one.burn:.2g}x",
        _state(one),
    )


def _state(one: Budget) -> str:
    if one.burning:
        return f"burns ({one.severity})"
    return "spent" if one.spent else "kept" if one.requests else "nothing seen"


def _free(promises: Promises, name: str) -> str:
    if not promises.pausing:
        return f"Nothing holds releases of {name}: no objective says `pauses = true`."
    return f"Releases of {name} go on; held by {', '.join(promises.pausing)} if it burns."
