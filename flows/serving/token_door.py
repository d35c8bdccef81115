"""Reserves tokens for requests of tenants with a cap: `python -m flows.serving.token_door NAME`.

The gateway asks it before an engine sees a request (Envoy's ext_authz over HTTP), and the log's
writer tells it what each one took. Listens on a socket in a folder that only this user can enter;
writes the SQLite file of what was used, and no text of a request anywhere.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import ClassVar

import httpx

from flows.servers.guarded import told_to_stop
from flows.serving.places import Places
from flows.workshop.settings import read_settings
from tasks.serving.gateway.counted import REQUEST, TENANT
from tasks.serving.gateway.filters import RESERVE, SETTLE
from tasks.serving.specification import Specification
from tasks.serving.token_caps import TokenCaps, most_tokens

_LENGTH = re.compile(r"[0-9]{1,10}")


class TokenDoor(ThreadingUnixStreamServer):
    """Answers the gateway and the log's writer, a thread a connection."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, socket: Path, caps: TokenCaps, context: int) -> None:
        """Listen; `context` is the most tokens a request can take."""

        class Handler(_Handler):
            pass

        Handler.caps, Handler.context = caps, context
        socket.unlink(missing_ok=True)
        super().__init__(str(socket), Handler)


class _Handler(BaseHTTPRequestHandler):
    caps: ClassVar[TokenCaps]
    context: ClassVar[int]
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not _LENGTH.fullmatch(length):
            self.close_connection = True
            self._say(411, "")
            return
        body = self.rfile.read(int(length))
        if self.path == SETTLE:
            self.caps.settle([(str(request), tokens) for request, tokens in json.loads(body)])
            self._say(200, "")
        elif self.path.startswith(RESERVE):
            self._reserve(body)
        else:
            self._say(404, "")

    def _reserve(self, body: bytes) -> None:
        tenant, request = self.headers.get(TENANT, ""), self.headers.get(REQUEST, "")
        if tenant not in self.caps.caps or not request:
            self._say(403, "a tenant with a cap and a request's id are needed")
            return
        tokens = most_tokens(body, self.context)
        wait = self.caps.reserve(tenant, request, tokens, datetime.now(UTC))
        if wait is None:
            self._say(200, "")
            return
        seconds = math.ceil(wait)
        cap = f"{self.caps.caps[tenant]:,} tokens"
        said = f"{tenant} has used its {cap} of today; they begin anew at midnight UTC"
        if seconds <= 1:
            said = (
                f"requests under way may take what is left of {tenant}'s {cap} of today; ask again"
            )
        self._say(429, said, **{"Retry-After": str(seconds)})

    def _say(self, status: int, text: str, **headers: str) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line may hold what a stranger wrote."""


class Settlements:
    """What requests took, until the door has heard of it."""

    def __init__(self, socket: Path) -> None:
        """Nothing is sent yet."""
        self._waiting: list[tuple[str, int | None]] = []
        self._client = httpx.Client(
            base_url="http://door", transport=httpx.HTTPTransport(uds=str(socket)), timeout=5
        )

    def tell(self, taken: Iterable[tuple[str, int | None]]) -> str:
        """Tell the door of these, and of those that it did not hear; return why not, if so."""
        self._waiting += taken
        if not self._waiting:
            return ""
        try:
            self._client.post(SETTLE, json=self._waiting).raise_for_status()
        except httpx.HTTPError as error:
            return type(error).__name__
        self._waiting = []
        return ""


def main() -> int:
    """Answer until told to stop."""
    stop = told_to_stop()
    os.umask(0o077)
    places = Places(read_settings().home, sys.argv[1])
    specification = Specification.model_validate_json(places.specification.read_bytes())
    caps = TokenCaps(places.tokens, specification.token_caps)
    door = TokenDoor(places.token_door, caps, specification.engine.context)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    stop.wait()
    door.shutdown()
    caps.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
