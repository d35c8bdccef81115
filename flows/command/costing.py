"""What `paddock cost` tells: serving from the inference log, trainings from their records."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from data_contracts.errors import InputError
from flows.asking.cost_parameters import CostParameters
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from flows.workshop.settings import CHECKOUT
from tasks.costs.forecast import forecast
from tasks.costs.spending import Price, costs_of, whole_days
from tasks.costs.words import Capped, Told, as_json, as_table
from tasks.finetuning.week import spent_between
from tasks.inference_log.spans import rows_between
from tasks.serving.specification import Specification, read_specification
from tasks.serving.token_caps import used_on

_DAYS = timedelta(days=30)
_DAY = timedelta(days=1)


def tell(workshop: Workshop, parameters: CostParameters) -> str:
    """Return what was asked for, as text."""
    told = gather(workshop, parameters, datetime.now(UTC))
    if parameters.format == "json":
        return json.dumps(as_json(told), indent=1) + "\n"
    return as_table(told) + "\n"


def gather(workshop: Workshop, parameters: CostParameters, now: datetime) -> Told:
    """Return what a time cost, and what comes."""
    path = (
        Path(parameters.file).expanduser() if parameters.file else CHECKOUT / "deploy/serving.toml"
    )
    specification = read_specification(path, name=parameters.name)
    hour = parameters.hour if parameters.hour is not None else specification.prices.hour or None
    since, until = _time(parameters, now)
    with TemporaryDirectory(prefix="paddock-cost-") as scratch:
        rows = rows_between(workshop.store, specification.name, since, until, Path(scratch))
        serving = costs_of(rows, Price(hour, specification.engine.slots), parameters.cap)
    trained = spent_between(workshop.outputs, specification.name, since, until, parameters.gpu_hour)
    known = sorted(serving.days)
    today = f"{now:%Y-%m-%d}"
    # The first day with a request, and today, are no whole days.
    days = whole_days(serving.days, known[0], min(today, _after(known[-1]))) if known else []
    return Told(
        name=specification.name,
        since=f"{since:%Y-%m-%d}",
        until=f"{until - _DAY:%Y-%m-%d}",
        serving=serving,
        trainings=trained.trainings,
        training_hours=trained.gpu_hours,
        training_cost=trained.cost,
        forecast=forecast(days, parameters.ahead, parameters.seed),
        capped=_capped_today(workshop, specification, now),
    )


def _capped_today(
    workshop: Workshop, specification: Specification, now: datetime
) -> dict[str, Capped]:
    """Return what tenants with a cap used today of the serving of this home."""
    used = used_on(Places(workshop.settings.home, specification.name).tokens, now)
    return {
        tenant: Capped(*used.get(tenant, (0, 0)), cap)
        for tenant, cap in specification.token_caps.items()
    }


def _after(day: str) -> str:
    return f"{datetime.fromisoformat(day) + _DAY:%Y-%m-%d}"


def _time(parameters: CostParameters, now: datetime) -> tuple[datetime, datetime]:
    """Return the first moment, and the one behind the last day."""
    try:
        first, last = (
            datetime.fromisoformat(day).replace(tzinfo=UTC) if day else default
            for day, default in ((parameters.since, now - _DAYS), (parameters.until, now))
        )
    except ValueError:
        raise _refused("no such day", f"{parameters.since} {parameters.until}") from None
    first, last = (one.replace(hour=0, minute=0, second=0, microsecond=0) for one in (first, last))
    if first > last:
        raise _refused("it ends before it begins", f"{first:%Y-%m-%d} to {last:%Y-%m-%d}")
    return first, last + _DAY


def _refused(what: str, where: str) -> InputError:
    return InputError(what, step="cost", where=where, remedy="write days as 2026-03-01")
