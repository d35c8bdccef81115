"""What a gateway counted of each arm: the port, and its two adapters.

A page holds counters, which begin at 0 when a gateway starts; who reads them takes differences
(tasks/canary/arms.py). Where not all of it can be read there is no page: part of one would look as
if requests had gone. Writes nothing.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Protocol

import httpx
from pydantic import Field

from data_contracts.records import Frozen
from tasks.serving.gateway.arms import ARMS
from tasks.serving.gateway.counted import STATS
from tasks.serving.gateway.scraped import Page, page_from, read_page


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


class PromMetrics:
    """The API of a Prometheus: the gateways' counters, added up over their pods.

    It answers with the last value for five minutes after a scrape that did not come, so the age of
    what it answers is asked as well.
    """

    def __init__(self, source: PromSource) -> None:
        """Ask `source` when read."""
        self._source = source

    def read(self) -> Page | None:
        """Return what its newest samples say."""
        try:
            return self._page()
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    def _page(self) -> Page | None:
        codes: dict[str, dict[int, int]] = {}
        waits: dict[str, dict[float, int]] = {}
        fresh = False
        for arm in ARMS:
            chosen = self._source.arms[arm]
            requests = f"envoy_{STATS}_requests{{{chosen}}}"
            for labels, value in self._asked(f"min(timestamp({requests}))"):
                if labels or time.time() - value > self._source.stale_seconds:
                    return None
                fresh = True
            found = self._asked(f"sum by (code) ({requests})")
            codes[arm] = {int(labels["code"]): round(value) for labels, value in found}
            buckets = f'envoy_{STATS}_duration_ms_bucket{{code="200",{chosen}}}'
            waits[arm] = defaultdict(int)
            for labels, value in self._asked(f"sum by (le) ({buckets})"):
                waits[arm][_edge(labels["le"])] = round(value)
        return page_from(codes, waits) if fresh else None

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


def _edge(text: str) -> float:
    return math.inf if text == "+Inf" else float(text)
