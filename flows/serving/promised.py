"""How the promises of what serves stand, and whether they hold releases.

Reads the inference log in the store, or asks the Prometheus that the specification names. Writes
nothing.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from data_contracts.errors import PaddockError
from flows.serving.judging_answers import judges_of
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from tasks.inference_log.spans import rows_between
from tasks.slo.budget import Budget, Minutes, Pause, budgets_of, pause_of, unknown
from tasks.slo.counting import is_bad
from tasks.slo.objectives import OF_SAMPLES, Promises, promises_of
from tasks.slo.prometheus_alerts import firing
from tasks.slo.samples import keys_of, read_sample
from tasks.storage.objects import ObjectStore

_AHEAD = timedelta(minutes=5)  # of clocks that differ


def pause_of_releases(workshop: Workshop, name: str, now: datetime) -> Pause:
    """Return whether releases of a model are held, by what this home serves.

    Nothing is held where it is not served from this home, or no objective asks for it. If figures
    cannot be read, that holds: an objective that pauses asked for it.
    """
    file = Places(workshop.settings.home, name).specification
    try:
        table = json.loads(file.read_text("utf-8")).get("slo") or {}
    except FileNotFoundError:
        return Pause()
    promises = promises_of(table, str(file))
    return standing(workshop, name, promises, now)[1] if promises.pausing else Pause()


def pause_of_servings(workshop: Workshop, now: datetime) -> Pause:
    """Return whether anything that is served from this home holds releases, by what was promised.

    Work that can wait gives way to it: both want the same machine.
    """
    folder = Places(workshop.settings.home, "").folder
    names = sorted(path.parent.name for path in folder.glob("*/specification.json"))
    held = [(name, pause_of_releases(workshop, name, now)) for name in names]
    reasons = tuple(f"of {name}, {one.words}" for name, one in held if one.words)
    return Pause(reasons=reasons)


def standing(
    workshop: Workshop, name: str, promises: Promises, now: datetime
) -> tuple[tuple[Budget, ...], Pause]:
    """Return how each objective stands by the log, and whether releases are held."""
    try:
        budgets = budgets_of(promises, counted(workshop.store, name, promises, now), now)
    except Exception as error:  # the store's, of whatever library; its text may hold an address
        return (), unknown(promises, f"the inference log cannot be read: {type(error).__name__}")
    if not promises.prometheus:
        return budgets, pause_of(budgets)
    try:
        reasons = firing(promises.prometheus, name)
    except PaddockError as refusal:
        return budgets, unknown(promises, refusal.what)
    return budgets, Pause(reasons=reasons)


def counted(store: ObjectStore, name: str, promises: Promises, now: datetime) -> dict[str, Minutes]:
    """Return the counts a minute of each objective over its days: the log's, and daily looks."""
    found = {one: Minutes() for one in promises.objectives}
    since = now - timedelta(days=promises.days)
    judges = judges_of(promises)
    for one, objective in promises.objectives.items():
        if objective.of in OF_SAMPLES:
            for key in keys_of(store, name, objective.of, since):
                sample = read_sample(store, key)
                found[one].add(min(sample.time, now), sample.requests, sample.bad)
    with TemporaryDirectory(prefix="paddock-slo-") as scratch:
        for row in rows_between(store, name, since, now + _AHEAD, Path(scratch)):
            for one, objective in promises.objectives.items():
                bad = is_bad(objective, row, judges.get(one))
                if bad is not None:
                    found[one].add(min(row.time, now), 1, bad)
    return found
