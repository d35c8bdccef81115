"""A small HTTP service on a socket of this user's, which the gateway asks before an engine.

Listens where it is told; a thread a connection. Says and writes nothing of what it is asked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import ClassVar, NamedTuple

_LENGTH = re.compile(r"[0-9]{1,10}")


class Asked(NamedTuple):
    """What the gateway asks: a path, headers (names in small letters), a body."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """What it is told: a code, and a text and headers that go with it."""

    status: int
    text: str = ""
    headers: Mapping[str, str] | None = None


class Door(ThreadingUnixStreamServer):
    """Answers until it is shut down; connections stay open between requests."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, socket: Path, answer: Callable[[Asked], Reply]) -> None:
        """Listen at a socket, in the place of one that was left there."""

        class Handler(_Handler):
            pass

        Handler.answer = staticmethod(answer)
        socket.unlink(missing_ok=True)
        super().__init__(str(socket), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Name what went wrong: a traceback, or a library's words, may hold what was asked.

        That nobody waits for an answer any more is nothing wrong.
        """
        del request, client_address
        kind = sys.exc_info()[0]
        if kind and issubclass(kind, ConnectionError):
            return
        sys.stdout.write(f"ERROR {kind.__name__ if kind else 'unknown'} while answering\n")
        sys.stdout.flush()


class _Handler(BaseHTTPRequestHandler):
    answer: ClassVar[Callable[[Asked], Reply]]
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not _LENGTH.fullmatch(length):
            self.close_connection = True
            self._say(Reply(411))
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._say(type(self).answer(Asked(self.path, headers, body)))

    def _say(self, reply: Reply) -> None:
        data = reply.text.encode()
        self.send_response(reply.status)
        for name, value in {**(reply.headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line may hold what a stranger wrote."""
