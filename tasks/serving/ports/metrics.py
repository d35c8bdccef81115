"""What a gateway counted of each arm: the port, and its two adapters.

A page holds counters, which begin at 0 when a gateway starts; who reads them takes differences
(tasks/canary/arms.py). Where not all of it can be read there is no page: part of one would look as
if requests had gone. Writes nothing.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx
from pydantic import Field

from data_contracts.records import Frozen
from tasks.serving.gateway.arms import ARMS
from tasks.serving.gateway.counted import STATS
from tasks.serving.gateway.scraped import EDGES, Page, page_from, read_page


class Metrics(Protocol):
    """Says what was counted."""

    def read(self) -> Page | None:
        """Return all arms' counters as they stand now; None if that cannot be told."""
        ...


class ScrapedMetrics:
    """The admin of a gateway on this machine."""

    def __init__(self, socket: Path) -> None:
        """Ask at `socket`."""
        self._socket = socket

    def read(self) -> Page | None:
        """Return what its page says."""
        return read_page(self._socket)


class PromSource(Frozen):
    """A Prometheus that scrapes the gateways, and which of its series are an arm's."""

    address: str = Field(pattern=r"^https?://\S+$")
    arms: dict[str, str] = Field(
        default={arm: f'arm="{arm}"' for arm in ARMS},
        description='Of each arm, what selects its series: arm="canary", or a Service of its own.',
    )
    stale_seconds: float = Field(
        default=30, gt=0, description="A sample that is older tells nothing of now."
    )


# One counter of one pod: arm, pod, `code` or `le`, and that code or upper edge.
_Series = tuple[str, str, str, str]


class PromMetrics:
    """The API of a Prometheus: the gateways' counters, added up over their pods.

    A sum over pods falls when one of them is replaced, and what fell looks as if all the others had
    begun again. So each pod's series is followed by itself, and what is told are the differences
    since the first reading, which tells 0: to another process these are counters that began again.

    It answers with the last value for five minutes after a scrape that did not come, so the age of
    what it answers is asked as well.
    """

    def __init__(self, source: PromSource) -> None:
        """Ask `source` when read."""
        self._source = source
        self._last: dict[_Series, float] | None = None
        self._sums: defaultdict[_Series, float] = defaultdict(float)

    def read(self) -> Page | None:
        """Return what was counted since the first reading, by its newest samples."""
        try:
            found = self._found()
            if found is None:
                return None
            page = self._page(self._added(found))
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None
        return page

    def _found(self) -> dict[_Series, float] | None:
        """Return every pod's counters; None: there are none, they are old, or of other buckets."""
        found = dict[_Series, float]()
        oldest = list[float]()
        for arm in ARMS:
            chosen = self._source.arms[arm]
            requests = f"envoy_{STATS}_requests{{{chosen}}}"
            oldest += [value for _, value in self._asked(f"min(timestamp({requests}))")]
            for labels, value in self._asked(requests):
                found[arm, _pod(labels), "code", labels["code"]] = value
            waits = f'envoy_{STATS}_duration_ms_bucket{{code="200",{chosen}}}'
            edges = set[float]()
            for labels, value in self._asked(waits):
                found[arm, _pod(labels), "le", labels["le"]] = value
                edges.add(_edge(labels["le"]))
            if edges not in (set(), {*EDGES, math.inf}):
                return None
        stale = any(time.time() - one > self._source.stale_seconds for one in oldest)
        return None if stale or not oldest else found

    def _added(self, found: dict[_Series, float]) -> dict[_Series, float]:
        """Return the sums with what is new; a pod that began again shows all that is."""
        last = self._last
        for series, value in found.items():
            before = value if last is None else last.get(series, 0.0)
            self._sums[series] += value - (before if value >= before else 0.0)
        self._last = {**(last or {}), **found}
        return self._sums

    def _page(self, sums: Mapping[_Series, float]) -> Page:
        codes: dict[str, dict[int, int]] = {arm: defaultdict(int) for arm in ARMS}
        waits: dict[str, dict[float, int]] = {arm: defaultdict(int) for arm in ARMS}
        for (arm, _, kind, of), value in sums.items():
            if kind == "code":
                codes[arm][int(of)] += round(value)
            else:
                waits[arm][_edge(of)] += round(value)
        return page_from(codes, waits)

    def _asked(self, query: str) -> list[tuple[dict[str, str], float]]:
        answer = httpx.get(
            f"{self._source.address.rstrip('/')}/api/v1/query", params={"query": query}, timeout=5.0
        ).raise_for_status()
        told: dict[str, Any] = answer.json()
        if told["status"] != "success" or told.get("warnings"):
            raise ValueError("part of it could not be read")
        found = [(one["metric"], float(one["value"][1])) for one in told["data"]["result"]]
        if any(not math.isfinite(value) for _, value in found):
            raise ValueError("no number")
        return found


def _pod(labels: Mapping[str, str]) -> str:
    """Return what tells a pod's series from another's: all that the gateway does not say itself."""
    own = ("__name__", "code", "le")
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels) if key not in own)


def _edge(text: str) -> float:
    return math.inf if text == "+Inf" else float(text)
