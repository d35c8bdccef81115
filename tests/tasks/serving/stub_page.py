"""A gateway's page of metrics, told by a small server, and a real Prometheus that scrapes it."""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tasks.serving.gateway.counted import EDGES_MS
from tests.waiting import free_port


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


@contextmanager
def prometheus_over(gateway: Gateway, folder: Path) -> Generator[str]:
    """Run a Prometheus that scrapes a gateway each second; give its address."""
    target = {"job_name": "g", "static_configs": [{"targets": [f"127.0.0.1:{gateway.port}"]}]}
    given = {"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}
    (folder / "p.yml").write_text(json.dumps(given))
    port = free_port()
    words = ["prometheus", f"--config.file={folder / 'p.yml'}"]
    words += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(20)
