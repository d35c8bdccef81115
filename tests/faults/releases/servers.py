"""A real MLflow server that can be killed and started again, and a proxy that loses its answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.waiting import free_port, wait_for


class MlflowServer:
    """An MLflow server over a database and a place for files, always at the same address."""

    def __init__(self, home: Path, database: str, files: str) -> None:
        self.home, self.database, self.port = home, database, free_port()
        self._words = ["--backend-store-uri", database, "--artifacts-destination", files]
        self._settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *words: str, **settings: str) -> str:
        """Start it, with these options and variables from now on; return its address."""
        self._words += words
        self._settings |= settings
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *self._words]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        log = self.home / "server.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=self.home,
                env={**os.environ, **self._settings},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        wait_for(f"{self.address}/health", self._process, log)
        return self.address

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)


class Proxy:
    """Passes bytes on between clients and a server; once, the answer to a request is lost.

    `word` is what the request holds, and `instead` is done when the server has answered it.
    """

    def __init__(self, port: int, word: bytes, instead: Callable[[], None] = lambda: None) -> None:
        self._port, self._word, self._instead = port, word, instead
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._port)) as up:
            asked = threading.Event()
            back = threading.Thread(target=self._answer, args=(client, up, asked), daemon=True)
            back.start()
            while data := client.recv(1 << 16):
                if self._word in data and not self.lost:
                    asked.set()
                up.sendall(data)
            up.shutdown(socket.SHUT_WR)
            back.join(30)

    def _answer(self, client: socket.socket, up: socket.socket, asked: threading.Event) -> None:
        with suppress(OSError):
            while data := up.recv(1 << 16):
                if asked.is_set() and not self.lost:
                    self.lost += 1
                    self._instead()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
