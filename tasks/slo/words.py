"""How promises stand, as people read it. Pure."""

from __future__ import annotations

from data_contracts.text_tables import aligned_table
from model_registry.power.shares import share_interval
from tasks.slo.budget import Budget, Pause
from tasks.slo.objectives import COUNTED, OF_QUALITY, OF_SAMPLES, Objective, Promises

_HEADS = ("objective", "bad is", "target", "requests", "bad", "budget left", "burn", "state")


def status_table(name: str, promises: Promises, budgets: tuple[Budget, ...], pause: Pause) -> str:
    """Return a line an objective, and whether releases are held."""
    rows = [_row(promises, one) for one in budgets]
    held = f"Releases of {name} are held: {pause.words}." if pause.held else _free(promises, name)
    return "\n".join(
        [
            f"What {name} promised over the last {promises.days} days, by its inference log"
            + (" and each day's looks:" if _daily(promises) else ":"),
            "",
            *aligned_table(_HEADS, rows),
            "",
            held,
        ]
    )


def _daily(promises: Promises) -> bool:
    return any(one.of in OF_SAMPLES for one in promises.objectives.values())


def _row(promises: Promises, one: Budget) -> tuple[str, ...]:
    objective = promises.objectives[one.objective]
    limit = f" ({objective.at_most_ms:g} ms)" if objective.at_most_ms else ""
    return (
        one.objective,
        COUNTED[objective.of] + limit,
        f"{objective.target:.4g}",
        f"{one.requests:,}",
        f"{one.bad:,}{_interval(objective, one)}",
        "too few to tell" if one.left is None else f"{one.left:.1%}",
        "-" if one.burn is None else f"{one.burn:.2g}x",
        _state(one),
    )


def _state(one: Budget) -> str:
    if one.burning:
        return f"burns ({one.severity})"
    if one.spent:
        return "spent"
    if one.missing:
        return "MISSING: nobody looked"
    if not one.requests:
        return "nothing seen"
    return "kept" if one.left is not None else "not enough data"


def _interval(objective: Objective, one: Budget) -> str:
    """Return the share with its exact interval (95 %), where a sample stands for what was asked."""
    if objective.of not in OF_QUALITY or not one.requests:
        return ""
    low, high = (float(end) for end in share_interval(one.bad, one.requests))
    return f" ({one.bad / one.requests:.1%}; {low:.1%} to {high:.1%})"


def _free(promises: Promises, name: str) -> str:
    if not promises.pausing:
        return f"Nothing holds releases of {name}: no objective says `pauses = true`."
    return f"Releases of {name} go on; held by {', '.join(promises.pausing)} if it burns."
