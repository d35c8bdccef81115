"""`compact_log`: seal the days of a model's inference log that are over, every night.

Each becomes one redacted shard, each row once; rows that came late make a new version of it. Raw
files go once their day is sealed and the retention says so. Running it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.asking.flow_runs import run_name
from flows.asking.given import chosen_contract
from flows.asking.log_parameters import CompactParameters
from flows.champion import find_champion, nothing_serves
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import publish_page
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from tasks.inference_log.days import Compacted, complete_days
from tasks.inference_log.places import log_files
from tasks.inference_log.sealed import sealed_days
from tasks.inference_log.steps import seal_step

DEFAULTS = CompactParameters()
STEP = "compact log"


@flow(name="compact_log", flow_run_name=run_name, description=__doc__)
def compact_log(parameters: CompactParameters = DEFAULTS) -> State[list[Compacted]]:
    """Seal what is over; ends with one sentence."""
    workshop = Workshop(read_settings())
    now = datetime.now(UTC)
    days = complete_days(
        workshop.store, parameters.name, now, timedelta(hours=parameters.grace_hours)
    )
    rules = cache(lambda: _rules(workshop, parameters))
    done: list[Compacted] = []
    for work in days:
        with stage(f"day {work.day}") as told:
            done.append(
                seal_step(
                    workshop.outputs,
                    work,
                    rules().redaction,
                    rules().build_redactor,
                    now,
                    rules().raw_days,
                    lambda rows, told=told: told(rows, None, "rows"),
                )
            )
        _tell(done[-1])
    return _ended(workshop, parameters.name, done, rules().raw_days if done else None)


class _Rules(NamedTuple):
    """How rows are redacted, and for how many days raw files stay after their day."""

    redaction: dict[str, Any]
    build_redactor: Callable[[], Any]
    raw_days: int | None


def _rules(workshop: Workshop, parameters: CompactParameters) -> _Rules:
    """Redact as the champion's training data were; before anything serves, as without contract."""
    raw_days = parameters.raw_days
    if nothing_serves(workshop, parameters.name, STEP):
        recipe = workshop.redactor(names=True, keep=())
    else:
        champion = find_champion(workshop, parameters.name, STEP)
        recipe = workshop.redactor_of(champion.snapshot)
        if raw_days is None:
            raw_days = chosen_contract(champion.parameters).privacy.retention_days
    return _Rules(recipe.identity(), cache(recipe), raw_days)  # one loading of the names model


def _tell(one: Compacted) -> None:
    counts = one.day.counts
    LOGGER.info(
        "  %s version %d: %s%s",
        one.day.day,
        one.day.version,
        f"{counts.rows:,} rows, {counts.kept:,} kept, {counts.quarantined:,} quarantined, "
        f"{counts.duplicates:,} duplicates"
        if one.new
        else "nothing new",
        f"; {one.removed} raw files taken away" if one.removed else "",
    )


def _ended(
    workshop: Workshop, name: str, done: list[Compacted], raw_days: int | None
) -> State[Any]:
    new = [one for one in done if one.new]
    removed = sum(one.removed for one in done)
    if not done:
        sentence = f"Nothing to seal in the log of {name}: {_why_nothing(workshop, name)}."
    elif not new and not removed:
        sentence = f"Nothing to seal in the log of {name}: its {len(done)} days are sealed."
    else:
        sentence = (
            f"{len(new)} of {len(done)} days of {name}'s log sealed anew, {removed} raw files "
            "taken away."
        )
    LOGGER.info("%s", sentence)
    if done:
        kept = "stay" if raw_days is None else f"go {raw_days} days after their day"
        publish_page(
            "log-days",
            f"**{sentence}** Raw files {kept}.\n\n{_table(done)}",
            "What became of the inference log's rows",
            to_do="nothing; `paddock log stats` counts rows, tokens and waits.",
        )
    return Completed(message=sentence, data=done)


def _why_nothing(workshop: Workshop, name: str) -> str:
    if any(file.window for file in log_files(workshop.store, name)):
        return "none of its days is over"
    if sealed_days(workshop.store, name):
        return "all that was written is sealed"
    return "nothing was written yet"


def _table(done: list[Compacted]) -> str:
    lines = [
        "| day | version | rows | kept | quarantined | duplicates | raw files gone |",
        "|---|---|---|---|---|---|---|",
    ]
    reasons: dict[str, int] = {}
    for one in done:
        counts = one.day.counts
        cells = (
            *(one.day.day, one.day.version, counts.rows, counts.kept),
            *(counts.quarantined, counts.duplicates, one.removed),
        )
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
        for reason, n in counts.held.items():
            reasons[reason] = reasons.get(reason, 0) + n
    lines += ["", *(f"- {n:,} quarantined: {why}" for why, n in sorted(reasons.items()))]
    return "\n".join(lines)
