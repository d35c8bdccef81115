"""Deployments on a Prefect server: those of deploy/prefect.yaml, and each model's, from its file.

What people changed in Prefect stays: a deployment's version holds digests of what was deployed, so
what differs from them is somebody's, is kept, and is told of. Deploying again changes nothing.
Needs a Prefect server with an address in the environment; writes there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from data_contracts.errors import PaddockError
from flows.servers.wanted import Wanted, plain_entries

PARTS = ("parameters", "schedules", "machine")
MOST_SAID = 6
_VERSION = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})")


class Settled(NamedTuple):
    """What is written of a deployment, its version, and what people should hear of it."""

    wanted: Wanted
    version: str
    said: list[str]


def deploy(
    client: SyncPrefectClient, wanted: Iterable[Wanted], *, overwrite: bool = False
) -> list[str]:
    """Make deployments what they are to be; return a line for each that was made or differs."""
    said: list[str] = []
    for one in wanted:
        try:
            there = client.read_deployment_by_name(one.address)
        except ObjectNotFound:
            there = None
        settled = settle(one, there, overwrite=overwrite)
        said += settled.said
        if there is not None and _is_as(there, settled):
            continue  # writing it again would schedule all of its runs again
        try:
            _write(client, settled)
        except PrefectHTTPStatusError as error:
            raise PaddockError(
                "Prefect takes no such deployment",
                step="deploy",
                where=f"{one.address}: {_reason(error)}",
                remedy="correct what it names in the model's file, or in Prefect",
            ) from None
    return said


def remove(client: SyncPrefectClient, name: str) -> list[str]:
    """Delete a model's deployments; return a line for each. Its versions and runs stay."""
    named = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    plain = {entry["name"] for entry in plain_entries()}
    found = [] if name in plain else client.read_deployments(deployment_filter=named)
    for one in found:
        client.delete_deployment(one.id)
    return [f"{client.read_flow(one.flow_id).name}/{name}: removed" for one in found]


def settle(wanted: Wanted, there: DeploymentResponse | None, *, overwrite: bool = False) -> Settled:
    """Decide part by part: the file's, unless somebody changed it in Prefect since it was deployed.

    A deployment of another build, or that `prefect deploy` made, has no version of ours: the file's
    is taken.
    """
    ours = {part: getattr(wanted, part) for part in PARTS}
    if there is None:
        return Settled(wanted, _version(ours), [f"{wanted.address}: made{_times(ours)}"])
    theirs = _parts_of(there)
    known = _VERSION.fullmatch(there.version or "")
    digests = dict(zip(PARTS, known.groups(), strict=True)) if known else {}
    kept: dict[str, str] = {}
    said: list[str] = []
    for part in PARTS:
        if theirs[part] == ours[part]:
            continue
        changed = _shortened(list(_differences(theirs[part], ours[part])))
        if overwrite or not known or _digest(theirs[part]) == digests[part]:
            said.append(f"{wanted.address}: {part} as the file says ({changed})")
        else:
            kept[part] = digests[part]
            said.append(
                f"{wanted.address}: {part} stay as they were changed in Prefect ({changed})"
            )
    settled = wanted._replace(**{part: theirs[part] for part in kept})
    return Settled(settled, _version(ours, kept), said)


def _parts_of(there: DeploymentResponse) -> dict[str, Any]:
    limit, options = there.global_concurrency_limit, there.concurrency_options
    return {
        "parameters": there.parameters,
        "schedules": [
            {
                "slug": one.slug,
                "schedule": one.schedule.model_dump(mode="json"),
                "active": one.active,
                "parameters": one.parameters,
            }
            for one in sorted(there.schedules, key=lambda one: one.slug or "")  # as Wanted has them
        ],
        "machine": {
            "work_pool": there.work_pool_name,
            "limit": limit.limit if limit else None,
            "collision": options.collision_strategy.value if limit and options else None,
            "environment": there.job_variables.get("env", {}),
        },
    }


def _is_as(there: DeploymentResponse, settled: Settled) -> bool:
    wanted = settled.wanted
    plain = {"version": settled.version, "description": wanted.description}
    plain |= {"entrypoint": wanted.entrypoint, "parameter_openapi_schema": wanted.schema}
    return (
        all(getattr(there, name) == value for name, value in plain.items())
        and sorted(there.tags) == sorted(wanted.tags)
        and _parts_of(there) == {part: getattr(wanted, part) for part in PARTS}
    )


def _write(client: SyncPrefectClient, settled: Settled) -> None:
    wanted, machine = settled.wanted, settled.wanted.machine
    environment, collision = machine["environment"], machine["collision"]
    client.create_deployment(  # which replaces one of this name
        client.create_flow_from_name(wanted.flow.name),
        wanted.name,
        version=settled.version,
        schedules=[DeploymentScheduleCreate(**one) for one in wanted.schedules],
        concurrency_limit=machine["limit"],
        concurrency_options=ConcurrencyOptions(collision_strategy=collision) if collision else None,
        parameters=wanted.parameters,
        description=wanted.description,
        work_pool_name=machine["work_pool"],
        tags=list(wanted.tags),
        entrypoint=wanted.entrypoint,
        parameter_openapi_schema=wanted.schema,
        enforce_parameter_schema=True,
        pull_steps=[],
        job_variables={"env": environment} if environment else {},
    )


def _reason(error: PrefectHTTPStatusError) -> str:
    """Return the server's first reason, without all that was sent, which it repeats."""
    try:
        return str(error.response.json()["exception_detail"][0]["msg"])[:300]
    except (ValueError, KeyError, IndexError, TypeError):
        return f"status {error.response.status_code}"


def _version(ours: Mapping[str, Any], kept: Mapping[str, str] | None = None) -> str:
    digests = {part: _digest(ours[part]) for part in PARTS} | dict(kept or {})
    return "-".join(digests[part] for part in PARTS)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _differences(theirs: Any, ours: Any) -> Iterator[str]:
    """Name what differs, with what stands in Prefect and what the file says."""
    there, here = dict(_leaves("", theirs)), dict(_leaves("", ours))
    for place in sorted(there.keys() | here.keys()):
        if there.get(place) != here.get(place):
            in_file = here.get(place, "none")
            yield f"{place}: {there.get(place, 'none')} in Prefect, {in_file} in the file"


def _shortened(differences: list[str]) -> str:
    left = len(differences) - MOST_SAID
    return "; ".join(differences[:MOST_SAID]) + (f"; and {left} more" if left > 0 else "")


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{place}.{key}" if place else str(key), inner)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for inner in value:
            yield from _leaves(str(inner.get("slug") or place), inner)
    else:
        yield place, value


def _times(ours: Mapping[str, Any]) -> str:
    crons = [one["schedule"]["cron"] for one in ours["schedules"]]
    return f", at {', '.join(crons)}" if crons else ""
