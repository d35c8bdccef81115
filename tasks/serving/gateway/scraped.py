"""What the gateway counted of each arm, read from its admin. Writes nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tasks.serving.gateway.admin import ask
from tasks.serving.gateway.arms import ARMS
from tasks.serving.gateway.counted import EDGES_MS, STATS

EDGES = tuple(map(float, EDGES_MS))
_GOOD = "200"
_GONE = 0  # nobody waited any more; of a frozen engine that is all that is seen


class Counted(NamedTuple):
    """One arm's totals: requests, those that failed (5xx, or given up on), and good waits.

    `waits` are the good answers by how long they took: cumulative, a count an edge, the last one
    for all.
    """

    requests: int
    errors: int
    waits: tuple[int, ...]


class Page(NamedTuple):
    """All arms, and the upper edges in ms of the waits' buckets, without +Inf."""

    edges: tuple[float, ...]
    arms: dict[str, Counted]


def read_page(socket: Path) -> Page | None:
    """Return what was counted since the gateway began; None if that cannot be read."""
    try:
        return page_of(ask(socket, f"/stats/prometheus?filter=^{STATS}"))
    except (httpx.HTTPError, ValueError, KeyError):
        return None


def page_of(text: str) -> Page:
    """Return the figures of a page in Prometheus' text format; ValueError if it is none.

    An arm, or a code, that never had a request is not on it: that is none.
    """
    codes: dict[str, dict[int, int]] = {arm: {} for arm in ARMS}
    waits: dict[str, dict[float, int]] = {arm: defaultdict(int) for arm in ARMS}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            arm, code = sample.labels.get("arm", ""), sample.labels.get("code", "")
            if arm not in codes:
                continue
            if sample.name.startswith(f"envoy_{STATS}_requests"):
                codes[arm][int(code)] = int(sample.value)
            elif sample.name == f"envoy_{STATS}_duration_ms_bucket" and code == _GOOD:
                waits[arm][float(sample.labels["le"])] += int(sample.value)
    return page_from(codes, waits)


def page_from(
    codes: Mapping[str, Mapping[int, int]], waits: Mapping[str, Mapping[float, int]]
) -> Page:
    """Return the page of each arm's answers by code, and good waits by bucket's upper edge.

    ValueError if the buckets are others than the gateway was told.
    """
    if any(set(found) not in (set(), {*EDGES, math.inf}) for found in waits.values()):
        raise ValueError("the waits are in other buckets than the gateway was told")
    return Page(EDGES, {arm: _counted(codes[arm], waits[arm]) for arm in ARMS})


def _counted(codes: Mapping[int, int], waits: Mapping[float, int]) -> Counted:
    errors = sum(n for code, n in codes.items() if code >= 500 or code == _GONE)
    return Counted(
        requests=sum(codes.values()),
        errors=errors,
        waits=tuple(waits.get(edge, 0) for edge in (*EDGES, math.inf)),
    )
