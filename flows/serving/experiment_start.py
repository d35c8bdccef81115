"""What an experiment begins with and ends with, beside a serving of this home."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from data_contracts.errors import InputError
from flows.asking.experiment_parameters import ExperimentRunParameters
from flows.serving.canary_start import beside_champion, under_way
from flows.serving.canary_ticks import Record, Site
from flows.serving.experiment_counts import (
    begin_counting,
    counted,
    end_counting,
    is_counted,
    ratings,
)
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from tasks.canary.phases import WARM
from tasks.canary.policy import CanaryPolicy, Phase
from tasks.experiment.judge import Asked, Experiment
from tasks.experiment.metrics import METRICS, STEP, Metric
from tasks.serving.gateway import arms
from tasks.serving.specification import Specification
from tasks.storage.objects import ObjectStore


def begun(workshop: Workshop, site: Site, places: Places, given: ExperimentRunParameters) -> Record:
    """Return the record of the experiment that runs already, or of one that begins now.

    InputError if a canary or another candidate's experiment runs, if nothing serves, or if what
    serves does not count the metric; ContractError if no candidate is approved.
    """
    specification = site.specification()
    record = under_way(site, given.name, given.version, STEP)
    if record is None:
        policy = _policy(specification, given)
        _require_counted(specification, given.metric, policy)
        asked = Asked(
            metric=given.metric,
            effect=given.effect or METRICS[given.metric].effect,
            alpha=given.wrong,
            share=given.share,
            hours=given.hours,
        )
        record = beside_champion(
            workshop, site, given.name, given.version, policy, Experiment(asked=asked)
        )
        record = record.model_copy(update={"salt": _next_salt(site)})
        begin_counting(places, id_of(record), given.metric)
    return record


def _next_salt(site: Site) -> int:
    """Return another salt than the last experiment's, so that others than its users are in B.

    A canary between two experiments keeps the salt of neither: then it is drawn.
    """
    before = site.record()
    last = before.salt if before and before.salt else secrets.randbelow(arms.SALTS - 1)
    return last % (arms.SALTS - 1) + 1


def id_of(record: Record) -> str:
    """Return what an experiment is told from others by: when it began."""
    return f"{record.state.began:%Y%m%dT%H%M%S%f}"


def looked(record: Record, places: Places, store: ObjectStore, now: datetime) -> Record:
    """Return the record after a look at what was counted, if there is something to look at."""
    experiment, state = record.experiment, record.state
    since = _since(record)
    if experiment is None or since is None or not is_counted(places, id_of(record)):
        return record
    counts = counted(places, id_of(record))
    if experiment.asked.metric == "rated":
        day = f"{since.astimezone(UTC):%Y-%m-%d}"
        found = ratings(places, store, state.name, day, places.folder)
        counts = {arm: {**counts.get(arm, {}), **found.get(arm, {})} for arm in found}
    return record.model_copy(update={"experiment": experiment.after(counts, now, since)})


def closed(record: Record, places: Places, store: ObjectStore, now: datetime) -> Record:
    """Return the record after its last look; what was counted by groups is deleted then."""
    record = looked(record, places, store, now)
    if is_counted(places, id_of(record)):
        end_counting(places)
    return record


def _since(record: Record) -> datetime | None:
    """Return when its traffic began; None if it never had some."""
    state = record.state
    if state.phase == WARM:
        return None
    return state.done[0].since if state.done else state.since


def _policy(specification: Specification, given: ExperimentRunParameters) -> CanaryPolicy:
    """Return the serving's own canary policy, of which an experiment keeps the stops alone.

    It stays in the first phase; the second is there because a policy ends at 100 %.
    """
    policy = CanaryPolicy.model_validate(specification.canary)
    phases = (Phase(share=given.share, minutes=60 * given.hours), Phase(share=100, minutes=0))
    return policy.model_copy(update={"phases": phases, "fast": 1.0})


def _require_counted(specification: Specification, metric: Metric, policy: CanaryPolicy) -> None:
    """Raise InputError if what serves does not count what is to be compared."""
    if not specification.log.keep:
        lacks = "the log is not kept, and it is counted with it: set keep = true in [log]"
    elif metric == "hallucinated" and not policy.eval_sets:
        lacks = "no eval set says what is true: name some as eval_sets in [canary]"
    elif metric == "cost" and not specification.prices.hour:
        lacks = "no price is known: set hour in [prices]"
    else:
        return
    raise InputError(
        f"nobody counts {metric} here",
        step=STEP,
        where=f"the serving of {specification.name}",
        remedy=f"{lacks}; then start the serving again, or compare another metric",
    )
