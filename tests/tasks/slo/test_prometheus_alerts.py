"""Prometheus' word: its protocol over a real socket; silence is no all-clear."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from data_contracts.errors import PaddockError
from tasks.slo.prometheus_alerts import firing
from tests.waiting import free_port


class Answering:
    """Answers `/api/v1/query` as Prometheus does, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked, self.code, self.body = list[str](), 200, ""
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path)
                assert path.path == "/api/v1/query"
                mine.asked += parse_qs(path.query)["query"]
                data = mine.body.encode()
                self.send_response(mine.code)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def says(self, *labels: dict[str, str]) -> None:
        found = [{"metric": one, "value": [1700000000.1, "1"]} for one in labels]
        data = {"resultType": "vector", "result": found}
        self.body = json.dumps({"status": "success", "data": data})


@pytest.fixture
def prometheus() -> Iterator[Answering]:
    found = Answering()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_alerts_that_hold_releases_are_asked_for_and_named(prometheus: Answering) -> None:
    prometheus.says()
    assert firing(prometheus.address, "bells") == ()
    assert prometheus.asked == ['ALERTS{alertstate="firing",pauses="releases",model="bells"}']
    prometheus.says({"alertname": "PaddockSloBurnsFast", "slo": "success"}, {"alertname": "Other"})
    assert firing(prometheus.address, "bells") == ("?: Other", "success: PaddockSloBurnsFast")


@pytest.mark.parametrize(
    ("code", "body"),
    [(500, ""), (200, "<html>"), (200, '{"status": "error", "data": {"result": []}}'), (200, "{}")],
)
def test_an_answer_that_cannot_be_read_is_no_all_clear(
    prometheus: Answering, code: int, body: str
) -> None:
    prometheus.code, prometheus.body = code, body
    with pytest.raises(PaddockError, match="does not say which alerts fire"):
        firing(prometheus.address, "bells")


def test_a_prometheus_that_is_away_is_no_all_clear() -> None:
    with pytest.raises(PaddockError, match="does not say which alerts fire"):
        firing(f"http://127.0.0.1:{free_port()}", "bells")
