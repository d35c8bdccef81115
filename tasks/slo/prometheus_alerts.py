"""Prometheus' word on whether releases are held: the alerts that fire and pause them.

Needs the address of a Prometheus's API, or of anything that answers `/api/v1/query` as it does.
"""

from __future__ import annotations

import json

import httpx
from pydantic import BaseModel, ValidationError

from data_contracts.errors import PaddockError
from tasks.slo.objectives import STEP
from tasks.slo.rules import PAUSES

_SECONDS = 5.0


class _Sample(BaseModel):
    metric: dict[str, str]


class _Data(BaseModel):
    result: list[_Sample]


class _Answer(BaseModel):
    status: str
    data: _Data


def firing(address: str, model: str) -> tuple[str, ...]:
    """Return what fires of a model and holds releases, as `success: PaddockSloBurnsFast`.

    PaddockError where no answer comes, or none that can be read: then nobody knows.
    """
    label, value = PAUSES
    query = f'ALERTS{{alertstate="firing",{label}="{value}",model={json.dumps(model)}}}'
    try:
        answer = httpx.get(
            f"{address.rstrip('/')}/api/v1/query", params={"query": query}, timeout=_SECONDS
        ).raise_for_status()
        found = _Answer.model_validate_json(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValidationError) as error:
        raise _silent(address, type(error).__name__) from None
    if found.status != "success":
        raise _silent(address, found.status)
    labels = [sample.metric for sample in found.data.result]
    return tuple(sorted(f"{one.get('slo', '?')}: {one.get('alertname', '?')}" for one in labels))


def _silent(address: str, why: str) -> PaddockError:
    return PaddockError(
        f"Prometheus does not say which alerts fire ({why})",
        step=STEP,
        where=httpx.URL(address).host if "://" in address else address,
        remedy="start it, or leave slo.prometheus empty: then the inference log is read",
    )
