"""The Prefect server of one command, where no other is named: it lives as long as the command.

Prefect would start one itself, at the first flow, and load its whole server into the command to do
so. This one starts first, so that it loads beside the command's own libraries, and a guard ends it
with the command, killed or not. It listens on loopback and keeps its data in the home.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.request
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from data_contracts.errors import PaddockError
from flows.workshop.settings import Settings, use_own_prefect
from tasks.models.serving import guard

STARTUP_SECONDS = 120.0
# As Prefect starts its own: no pages, and no services of a server that others share.
_EPHEMERAL = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}

# Uvicorn's command; what loading makes stays, so garbage is looked for less often.
_SERVE = "import gc; gc.set_threshold(100_000, 50, 50); import uvicorn; uvicorn.main()"


class Embedded:
    """A server that is starting, or runs. It ends with this process."""

    def __init__(self) -> None:
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))  # bound, not listening: nobody else is given this port
        self.address = f"http://127.0.0.1:{self._port.getsockname()[1]}/api"
        self._process = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, *self._command()],
            env=os.environ | _EPHEMERAL,
            stdin=subprocess.PIPE,  # never written to: the guard sees it end with this process
            start_new_session=True,  # Ctrl-C ends the flow, which tells the server
        )
        atexit.register(self._stop)

    def wait(self) -> None:
        """Return once the server answers; PaddockError if it does not."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        end = time.monotonic() + STARTUP_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            try:
                with direct.open(f"{self.address}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise PaddockError(
            "Prefect's server did not start",
            step="prefect",
            where=self.address,
            remedy="look at what it says with --debug, or name a server of yours: PREFECT_API_URL",
        )

    def _command(self) -> list[str]:
        found = find_spec("prefect")  # not imported: it reads its settings when it is
        place = str(Path(found.origin).parents[1]) if found and found.origin else ""
        words = ["-P", "-c", _SERVE, "--app-dir", place, "--factory"]
        words += ["prefect.server.api.server:create_app", "--lifespan", "on"]
        port = str(self._port.getsockname()[1])
        words += ["--host", "127.0.0.1", "--port", port, "--log-level", "error"]
        return [sys.executable, *words]

    def _stop(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        self._port.close()


def start_server(settings: Settings) -> Embedded | None:
    """Start this process's server, or return the one it has; None where another is named.

    Call it before prefect is imported, and `wait` before a flow begins.
    """
    if settings.prefect_elsewhere:
        return None
    return _started()


@cache
def _started() -> Embedded:
    server = Embedded()
    use_own_prefect(server.address)
    return server
