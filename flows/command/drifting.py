"""`paddock drift`: what drift detection can tell with a champion's data, and why it acted or not.

Needs a champion. `calibrate` draws windows of what it was trained on, `explain` reads the verdicts
and starts that are on record. Nothing is started; of outputs only the reference may be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from data_contracts.errors import InputError
from flows.asking.drift_parameters import DriftParameters
from flows.champion import Champion, find_champion
from flows.showing.progress import stage
from flows.workshop.parts import Workshop
from tasks.drift.calibration import Calibration, Chance, calibrate
from tasks.drift.decision import Policy, Trigger, WindowResult, decide
from tasks.drift.reference import read_rows
from tasks.drift.steps import SEED, reference_step
from tasks.drift.thresholds import Thresholds
from tasks.drift.triggers import every_trigger, last_trigger, read_history

STEP = "drift"
_LAST = 24  # windows shown


def tell(workshop: Workshop, parameters: DriftParameters) -> str:
    """Return what was asked for, as text."""
    champion = find_champion(workshop, parameters.name, STEP)
    if parameters.action == "explain":
        return _explained(champion, parameters)
    return _calibrated(champion, parameters.windows)


def _calibrated(champion: Champion, windows: int) -> str:
    outputs, thresholds = champion.workshop.outputs, Thresholds()
    with stage("what it was trained on"):
        reference = reference_step.fn(outputs, champion.snapshot).reference
    folder = outputs.fetch(reference)
    rows = read_rows(folder)
    if len(rows) < 4 * thresholds.min_rows:
        raise InputError(
            f"{len(rows)} exchanges are too few to draw windows from; {4 * thresholds.min_rows} "
            "are needed",
            step=STEP,
            where=f"{champion.name} version {champion.version.version}",
            remedy="train on more conversations; documents have no exchanges",
        )
    with stage("windows drawn and judged"):
        found = calibrate(rows, read_rows(folder, "held_out"), thresholds.budget, SEED, windows)
    return _table(champion, found)


def _table(champion: Champion, found: Calibration) -> str:
    source = "rows kept out of training" if found.held_out else "a fifth of the rows, set aside"
    lines = [
        f"{champion.name} version {champion.version.version}: {found.reference_rows} rows of what "
        f"it was trained on, and windows drawn from {found.quiet_rows} of {source}; new is a broad "
        f"topic of its own that was taken out. Of {found.windows} windows of each kind so many are "
        "called drifted:",
        "",
        f"{'rows':>6}  {'nothing new':>11}  {'few topics':>10}  "
        + "  ".join(f"{share:.0%} new".rjust(8) for share in _shares(found.chances)),
    ]
    for size in dict.fromkeys(chance.rows for chance in found.chances):
        mine = [chance for chance in found.chances if chance.rows == size]
        plain, lumpy = (next(c for c in mine if not c.new and c.lumpy == kind) for kind in (0, 1))
        told = "  ".join(f"{chance.found:8.0%}" for chance in mine if chance.new)
        lines.append(f"{size:6,}  {plain.found:11.1%}  {lumpy.found:10.1%}  {told}")
    lines += ["", _least(found)]
    return "\n".join(lines)


def _shares(chances: Sequence[Chance]) -> list[float]:
    return sorted({chance.new for chance in chances if chance.new})


def _least(found: Calibration) -> str:
    """Say what can be found with some certainty, by the size of windows."""
    told: list[str] = []
    for size in dict.fromkeys(chance.rows for chance in found.chances):
        sure = [c.new for c in found.chances if c.rows == size and c.new and c.found >= 0.8]
        least = f"{min(sure):.0%}" if sure else "none of these"
        told.append(f"{least} in {size:,} rows")
    return f"Found in four windows of five: {', '.join(told)}."


def _explained(champion: Champion, parameters: DriftParameters) -> str:
    store, name = champion.workshop.store, champion.name
    history = read_history(store, name, champion.version.digest)
    policy = Policy(cooldown=timedelta(hours=parameters.cooldown_hours))
    decision = decide(history, last_trigger(store, name), datetime.now(UTC), policy)
    would = "would start a retraining now" if decision.start else "starts no retraining"
    lines = [
        f"{name} version {champion.version.version}, which serves since "
        f"{champion.since:%Y-%m-%d %H:%M}, {would}: {decision.reason}.",
        "",
        f"Windows compared with it: {len(history)}, the newest {min(_LAST, len(history))}:",
        *(_line(result) for result in history[-_LAST:]),
        "",
        "Retrainings that drift started:",
        *(_start(trigger) for trigger in every_trigger(store, name)),
    ]
    return "\n".join(lines if lines[-1].startswith("  ") else [*lines, "  none"])


def _line(result: WindowResult) -> str:
    why = f"  {result.reason}" if result.reason else ""
    return f"  {result.window:13}  {result.status.replace('_', ' '):16}{why}"


def _start(trigger: Trigger) -> str:
    return (
        f"  {trigger.claimed_at:%Y-%m-%d %H:%M}  {trigger.outcome.replace('_', ' '):12}  "
        f"for window {trigger.window}, attempt {trigger.attempt}"
    )
