"""The deployments that are to be: those of deploy/prefect.yaml, and each model's, from its file.

Imports every flow, for its form; reads files alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from data_contracts.errors import InputError
from flows.asking.drift_parameters import MonitorParameters
from flows.asking.groups import GROUPS, unfolded
from flows.asking.log_parameters import CompactParameters
from flows.asking.model_file import STEP, ModelFile
from flows.asking.parameters import (
    GIVEN,
    EvaluateParameters,
)
from flows.asking.release_parameters import PromoteParameters, ReviewParameters
from flows.asking.report_parameters import ReportParameters
from flows.asking.variant_parameters import CompressParameters
from flows.workshop.settings import CHECKOUT

FILE = CHECKOUT / "deploy" / "prefect.yaml"
MOVES = ("promote", "canary", "experiment", "rollback", "retire")  # the champion, or traffic


class Wanted(NamedTuple):
    """A deployment as it is to be. `machine` is where and how often at once its runs may be."""

    flow: Flow[..., Any]
    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    schedules: list[dict[str, Any]]
    machine: dict[str, Any]
    schema: dict[str, Any]

    @property
    def address(self) -> str:
        """Return `flow/deployment`, as Prefect names it."""
        return f"{self.flow.name}/{self.name}"


def plain_deployments() -> list[Wanted]:
    """Return the deployments of deploy/prefect.yaml: of any model, or of the whole registry."""
    return [_wanted(entry, entry["name"]) for entry in plain_entries()]


def model_deployments(file: ModelFile) -> list[Wanted]:
    """Return a model's own deployments; InputError if its name is one of the others' names."""
    entries = {entry["name"]: entry for entry in plain_entries()}
    if file.name in entries:
        raise InputError(
            "a deployment of all models has this name",
            step=STEP,
            where=file.name,
            remedy="give the model another name",
        )
    asked = _asked(file)
    return [_wanted(entries[flow], file.name, file, asked[flow]) for flow in asked]


def plain_entries() -> list[dict[str, Any]]:
    """Return what deploy/prefect.yaml says of each deployment."""
    return yaml.safe_load(FILE.read_text("utf-8"))["deployments"]


def _asked(file: ModelFile) -> dict[str, dict[str, Any]]:
    """Return the parameters of each flow that a model has a deployment of."""
    name, drift = file.name, file.drift
    asked = {
        "evaluate": EvaluateParameters(name=name),
        "monitor_drift": MonitorParameters(
            name=name,
            retrain=drift.retrain,
            source=drift.source,
            start=drift.start,
            cooldown_hours=drift.cooldown_hours,
        ),
        "review": ReviewParameters(name=name),
        "compact_log": CompactParameters(name=name, raw_days=file.log.raw_days),
        "weekly_report": ReportParameters(name=name),
        "promote": PromoteParameters(name=name),
        "compress": CompressParameters(name=name),
    }
    return {
        "retrain": file.parameters.form_values(),
        **{flow: given.model_dump(mode="json") for flow, given in asked.items()},
        "canary": {"name": name},
        "experiment": {"name": name},
        "incident": {"name": name},
        "rollback": {"name": name},
        "retire": {"name": name},
    }


def _wanted(
    entry: Mapping[str, Any],
    name: str,
    file: ModelFile | None = None,
    asked: dict[str, Any] | None = None,
) -> Wanted:
    flow = load_flow_from_entrypoint(entry["entrypoint"], use_placeholder_flow=False)
    limit = entry.get("concurrency_limit") or {}
    machine = {
        "work_pool": _pool(entry, file),
        "limit": limit.get("limit"),
        "collision": limit.get("collision_strategy"),
        "environment": file.environment if file else {},
    }
    crons = entry.get("schedules") or []
    if file is not None:
        crons = list(_crons(entry["name"], file))
    return Wanted(
        flow=flow,
        name=name,
        entrypoint=entry["entrypoint"],
        description=entry["description"],
        tags=(*entry["tags"], *([f"model:{name}"] if file else [])),
        parameters={GIVEN: asked} if asked else {},
        schedules=[_schedule(one) for one in sorted(crons, key=lambda one: one["slug"])],
        machine=machine,
        schema=_schema(flow, asked),
    )


def _crons(flow: str, file: ModelFile) -> Iterator[dict[str, Any]]:
    """Yield when a model's file has a flow start by itself, and with what beside its form."""
    given = file.schedules
    zone = given.timezone
    if cron := given.model_dump().get(flow):
        yield {"slug": "file", "cron": cron, "timezone": zone}
    if flow == "review" and (cron := given.review_served):
        asked = ReviewParameters(name=file.name, of="served", month=True).model_dump(mode="json")
        yield {"slug": "served", "cron": cron, "timezone": zone, "parameters": {GIVEN: asked}}


def _pool(entry: Mapping[str, Any], file: ModelFile | None) -> str:
    if file is None:
        return str(entry["work_pool"]["name"])
    machine = file.machine
    moves = entry["name"] in MOVES and machine.release_pool
    return machine.release_pool if moves else machine.work_pool


def _schedule(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        cron = CronSchedule(cron=given["cron"], timezone=given["timezone"])
    except ValueError as error:
        raise InputError(
            "a schedule cannot be read",
            step=STEP,
            where=f"{given['cron']}, {given['timezone']}",
            remedy=f'write five fields, such as "0 2 * * *", and a time zone ({error})'[:300],
        ) from None
    schedule = cron.model_dump(mode="json")
    asked = given.get("parameters", {})  # beside those of the deployment
    return {"slug": given["slug"], "schedule": schedule, "active": True, "parameters": asked}


def _schema(flow: Flow[..., Any], asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the form of a deployment: that of its flow, with a model's values; its name is fixed.

    That of any model asks which, and for its rows: what nobody typed is not the demo.
    """
    drawn = parameter_schema(flow).model_dump_for_openapi()
    place, (model, *_) = drawn["properties"][GIVEN], drawn["definitions"].values()
    fields = model["properties"]
    if asked:
        place["default"] = dict(asked)
        fields["name"] |= {"default": asked["name"], "enum": [asked["name"]]}
        model["properties"] = unfolded(fields, asked)
        opened = [name for name in GROUPS if name in asked]
        model["required"] = [*model.get("required", []), *opened]
    elif fields.get("name", {}).get("default"):
        place.pop("default", None)
        for name in ("name", "source"):
            fields.get(name, {}).pop("default", None)
        needed = [*model.get("required", []), "name"]
        model["required"] = list(dict.fromkeys(needed))
    return drawn
