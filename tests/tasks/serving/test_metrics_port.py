"""One contract for whoever counted: a gateway's own page, and a real Prometheus that scrapes it."""

from __future__ import annotations

import shutil
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


@pytest.fixture(params=["scraped", "prometheus"])
def metrics(request: pytest.FixtureRequest, gateway: Gateway, tmp_path: Path) -> Iterator[Metrics]:
    if request.param == "scraped":
        yield ScrapedMetrics(gateway.socket)
        return
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    with prometheus_over(gateway, tmp_path) as address:
        yield PromMetrics(PromSource(address=address))


def test_counters_are_told_apart_by_arm_and_missing_ones_are_none(
    metrics: Metrics, gateway: Gateway
) -> None:
    gateway.counts = {("stable", 200): 900, ("stable", 503): 7, ("canary", 200): 50}
    gateway.counts |= {("canary", 0): 2, ("stable", 404): 5}

    def requests() -> int:
        page = metrics.read()
        return page.arms["canary"].requests if page else 0

    until(lambda: requests() == 52)
    page = metrics.read()
    assert page is not None
    assert page.edges == tuple(map(float, EDGES_MS))
    assert (page.arms["stable"].requests, page.arms["stable"].errors) == (912, 7)
    assert page.arms["canary"].errors == 2  # who was given up on
    assert page.arms["stable"].waits[-1] == 900  # good answers alone
    assert page.arms["stable"].waits[0] == 0
    assert len(page.arms["stable"].waits) == len(EDGES_MS) + 1
    assert (page.arms["baseline"].requests, sum(page.arms["baseline"].waits)) == (0, 0)
    gateway.counts["canary", 200] = 80
    until(lambda: requests() == 82)


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
