"""The Prefect server of one command: there when a flow needs it, gone when the command is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.servers.embedded import start_server
from flows.workshop.settings import Settings

CODE = """
import sys, time
from flows.workshop.settings import prepare, read_settings
prepare(read_settings())
from flows.servers.embedded import start_server
server = start_server(read_settings())
server.wait()
assert start_server(read_settings()) is server
found = read_settings()
assert (found.prefect_api_url, found.shared_prefect) == (server.address, "")
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    assert str(client.api_url).rstrip("/") == server.address
    print(len(client.read_flows()), "prefect.server.api.server" in sys.modules, server.address)
sys.stdout.flush()
if "stay" in sys.argv:
    time.sleep(300)
"""


def start(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *words], env=environment, stdout=subprocess.PIPE, text=True
    )


def gone(address: str) -> bool:
    """Wait until nothing answers at an address; tell whether that came."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_it_serves_one_command_and_ends_with_it(
    tmp_path: Path, home_environment: Callable[[Path], dict[str, str]], end: str
) -> None:
    words = ["stay"] if end == "killed" else []
    process = start(home_environment(tmp_path), *words)
    assert process.stdout
    flows, loaded, address = process.stdout.readline().split()
    assert (flows, loaded) == ("0", "False")
    if end == "killed":
        assert not process.poll()
        urllib.request.urlopen(f"{address}/health", timeout=20).close()
        os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    assert gone(address)


def test_none_is_started_where_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")
    monkeypatch.delenv("PADDOCK_OWN_PREFECT", raising=False)
    assert Settings().shared_prefect == "http://prefect.example/api"
    assert start_server(Settings()) is None
    monkeypatch.setenv("PREFECT_API_URL", "")
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "profiles.toml").write_text("")  # Prefect's own way of naming one
    assert start_server(Settings()) is None
