from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from data_contracts.errors import PaddockError
from flows.workshop import settings
from flows.workshop.settings import Settings, join_servers, read_settings

NAMES = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PADDOCK_MLFLOW_ARTIFACTS")


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path.endswith("/health") else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """Serve what answers `/health`, as Prefect and MLflow do."""
    server = HTTPServer(("127.0.0.1", 0), _Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home; the environment names no server, and is put back."""
    for name in NAMES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path))
    monkeypatch.setattr(settings, "ANSWER_SECONDS", 0.0)
    return tmp_path


def _left(home: Path, address: str, pid: int = os.getpid()) -> None:
    content = {"prefect_api_url": f"{address}/api", "mlflow_uri": address, "pid": pid}
    (home / settings.SERVERS).write_text(json.dumps(content))


def test_the_servers_of_a_home_are_used(home: Path, address: str) -> None:
    _left(home, address)
    said = join_servers(read_settings())
    assert said == f"using the servers of this home: {address}/api and {address}"
    found = read_settings()
    assert (found.prefect_api_url, found.mlflow_uri) == (f"{address}/api", address)
    assert found.artifacts_uri == Settings(home=home).embedded_artifacts
    assert join_servers(found) == ""


def test_what_the_environment_names_stays(
    home: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example")
    _left(home, address)
    assert join_servers(read_settings()) == f"using the servers of this home: {address}/api"
    found = read_settings()
    assert (found.mlflow_uri, found.artifacts_uri) == ("http://mlflow.example", None)


def test_servers_that_are_gone_are_said_and_not_used(home: Path, address: str) -> None:
    assert join_servers(read_settings()) == ""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    _left(home, address, ended.pid)
    assert "are gone" in join_servers(read_settings())
    (home / settings.SERVERS).write_text('{"pid": "half')
    assert "cannot be read" in join_servers(read_settings())
    assert read_settings().prefect_api_url == ""


def test_servers_that_live_and_do_not_answer_are_an_error(home: Path) -> None:
    _left(home, "http://127.0.0.1:9")
    with pytest.raises(PaddockError, match=r"do not answer(.|\n)*servers\.json"):
        join_servers(read_settings())
