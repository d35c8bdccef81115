"""One contract for whoever counted: a gateway's own page, and a real Prometheus that scrapes it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.serving.gateway.counted import EDGES_MS
from tasks.serving.ports.metrics import Metrics, PromMetrics, PromSource, ScrapedMetrics
from tests.tasks.serving.stub_page import Gateway, prometheus_over
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("g"))
    yield made
    made.end()


PROMETHEUS = pytest.param("prometheus", marks=pytest.mark.slow)


@pytest.fixture(params=["scraped", PROMETHEUS])
def metrics(request: pytest.FixtureRequest, gateway: Gateway, tmp_path: Path) -> Iterator[Metrics]:
    if request.param == "scraped":
        yield ScrapedMetrics(gateway.socket)
        return
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    with prometheus_over(gateway, tmp_path) as address:
        yield PromMetrics(PromSource(address=address))


def test_what_is_new_is_told_apart_by_arm_and_missing_ones_are_none(
    metrics: Metrics, gateway: Gateway
) -> None:
    gateway.counts = {("stable", 200): 900, ("stable", 503): 7, ("canary", 200): 50}
    until(lambda: metrics.read() is not None)
    first = metrics.read()
    assert first is not None
    assert first.edges == tuple(map(float, EDGES_MS))
    gateway.counts |= {("canary", 0): 2, ("stable", 404): 5, ("stable", 200): 930}
    gateway.counts |= {("canary", 200): 80, ("stable", 503): 8}

    def new(arm: str, of: str) -> int:
        page = metrics.read()
        assert page is not None
        return getattr(page.arms[arm], of) - getattr(first.arms[arm], of)

    until(lambda: new("stable", "requests") == 36)
    assert new("canary", "requests") == 32
    assert (new("stable", "errors"), new("canary", "errors")) == (1, 2)  # 2 were given up on
    page = metrics.read()
    assert page is not None
    assert len(page.arms["stable"].waits) == len(EDGES_MS) + 1
    waits = zip(page.arms["stable"].waits, first.arms["stable"].waits, strict=True)
    more = [now - before for now, before in waits]
    assert (more[0], more[-1]) == (0, 30)  # good answers alone, each of which took 40 ms
    assert (page.arms["baseline"].requests, sum(page.arms["baseline"].waits)) == (0, 0)


def test_a_pod_that_is_replaced_takes_nothing_of_the_others_along() -> None:
    class Pods(PromMetrics):
        told: dict[str, float]

        def _asked(self, query: str) -> list[tuple[dict[str, str], float]]:
            if "timestamp" in query:
                return [({}, time.time())]
            if "bucket" in query or "stable" not in query:
                return []
            return [({"instance": pod, "code": "200"}, n) for pod, n in self.told.items()]

    metrics = Pods(PromSource(address="http://127.0.0.1:9"))
    seen: list[int] = []
    for told in (
        {"a": 1_000.0, "b": 500.0},
        {"a": 1_010.0, "b": 505.0},
        {"a": 3.0, "b": 510.0},  # one began again
        {"b": 511.0},  # and is gone
        {"b": 512.0, "c": 4.0},
    ):
        metrics.told = told
        page = metrics.read()
        assert page is not None
        seen.append(page.arms["stable"].requests)
    assert seen == [0, 15, 23, 24, 29]


def test_without_a_page_nothing_is_known(metrics: Metrics, gateway: Gateway) -> None:
    gateway.counts = {("stable", 200): 900}
    until(lambda: metrics.read() is not None)
    gateway.away = True
    until(lambda: metrics.read() is None)
    gateway.away = False
    until(lambda: metrics.read() is not None)


def test_buckets_of_others_are_no_page(metrics: Metrics, gateway: Gateway) -> None:
    gateway.counts = {("stable", 200): 900}
    until(lambda: metrics.read() is not None)
    gateway.edges = (5, 10, 50)
    until(lambda: metrics.read() is None)


def test_a_sample_that_is_old_tells_nothing_of_now(gateway: Gateway, tmp_path: Path) -> None:
    class Old(PromMetrics):
        def _asked(self, query: str) -> list[tuple[dict[str, str], float]]:
            return [({}, 1_000.0)] if "timestamp" in query else [({"code": "200", "le": "1"}, 5.0)]

    assert Old(PromSource(address="http://127.0.0.1:9")).read() is None
