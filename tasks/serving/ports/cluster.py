"""A serving that is spread over a cluster: the table `[cluster]` of its file.

Each arm is a Deployment of its own behind a Service; an HTTPRoute splits the traffic among them,
and a Prometheus scrapes their gateways. Needs nothing; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import Field, ValidationError

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from tasks.serving.gateway.arms import ARMS
from tasks.serving.ports.metrics import PromSource
from tasks.serving.ports.route import STEP, Route


class Cluster(Frozen):
    """Who splits the traffic, who counted it, and where champion and candidate answer."""

    route: Route
    prometheus: PromSource
    addresses: dict[str, str] = Field(
        default={arm: f"http://serving-{arm}" for arm in ARMS},
        description="Where each arm's Service answers, without a path.",
    )


def cluster_of(table: Mapping[str, Any], where: str) -> Cluster:
    """Return what a table `[cluster]` says; InputError says what it cannot be."""
    try:
        return Cluster.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"the table [cluster] cannot be read: {place}: {first['msg']}",
            step=STEP,
            where=where,
            remedy="write it as deploy/kubernetes/canary/serving.toml shows",
        ) from None


def names_at(address: str) -> set[str]:
    """Return the names under which a Service serves; none while it takes no requests."""
    try:
        with httpx.Client(base_url=address, timeout=3.0) as client:
            if client.get("/health").status_code != 200:
                return set()
            return {str(one["id"]) for one in client.get("/v1/models").json()["data"]}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return set()
