"""One contract for whoever counted: a gateway's own page, and a real Prometheus that scrapes it."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tasks.serving.gateway.counted import EDGES_MS
from tasks.serving.ports.metrics import Metrics, PromMetrics, PromSource, ScrapedMetrics
from tests.waiting import free_port, until

pytestmark = pytest.mark.timeout(120)


class _Pipe(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "admin", 0

    def get_request(self) -> tuple[Any, Any]:
        request, _ = super().get_request()
        return request, ("", 0)


class Gateway:
    """Tells a page, at a socket and at a port; away, it answers 503."""

    def __init__(self, folder: Path) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self.edges: tuple[int, ...] = EDGES_MS
        self.away = False
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                data = stub.page().encode()
                self.send_response(503 if stub.away else 200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.socket = folder / "admin.sock"
        self._servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), Handler),
            _Pipe(str(self.socket), Handler),  # pyright: ignore[reportArgumentType]
        ]
        self.port = int(self._servers[0].server_address[1])
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def page(self) -> str:
        """Return the page: every good answer took 40 ms."""
        lines: list[str] = []
        for (arm, code), n in self.counts.items():
            of = f'arm="{arm}",code="{code}"'
            lines.append(f"envoy_paddock_requests{{{of}}} {n}")
            name = f"envoy_paddock_duration_ms_bucket{{{of},le="
            lines += [f'{name}"{edge}"}} {n if edge >= 40 else 0}' for edge in self.edges]
            lines.append(f'{name}"+Inf"}} {n}')
        return "\n".join([*lines, ""])

    def end(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


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
    target = {"job_name": "g", "static_configs": [{"targets": [f"127.0.0.1:{gateway.port}"]}]}
    given = {"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}
    (tmp_path / "p.yml").write_text(json.dumps(given))
    port = free_port()
    words = ["prometheus", f"--config.file={tmp_path / 'p.yml'}"]
    words += [f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    yield PromMetrics(PromSource(address=f"http://127.0.0.1:{port}"))
    process.kill()
    process.wait(20)


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
