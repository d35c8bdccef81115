"""Takes the registry's webhooks: who is not MLflow gets no further, and who is says "look again".

MLflow signs HMAC-SHA256 over "delivery id.timestamp.body" (mlflow.webhooks.delivery, after
standardwebhooks.com). A delivery counts if that holds, its timestamp is at most five minutes off
and its id has not been seen in that time. What it says in its body is neither read nor trusted.
Listens on loopback; writes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from data_contracts.errors import ContractError
from model_registry.accounts.passwords import Passwords

PLACE = "/registry"
ID, TIMESTAMP, SIGNATURE = "x-mlflow-delivery-id", "x-mlflow-timestamp", "x-mlflow-signature"
WINDOW_SECONDS = 300
MOST_BYTES = 1 << 16
SLOWEST_SECONDS = 10.0  # between two bytes of whoever sends
_ID, _TIMESTAMP = re.compile(r"[A-Za-z0-9_-]{1,100}"), re.compile(r"[0-9]{1,12}")


class Door:
    """Tells deliveries that count from all else; `clock` gives seconds since 1970."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret.encode(), clock
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def judge(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bool]:
        """Return an HTTP status, and whether the delivery is a new one that counts.

        `headers` are by their names in small letters.
        """
        name, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        if not (_ID.fullmatch(name) and _TIMESTAMP.fullmatch(stamp)):
            return 401, False
        now = self._clock()
        if abs(now - int(stamp)) > WINDOW_SECONDS:
            return 401, False
        told = headers.get(SIGNATURE, "").encode("utf-8", "replace")
        if not hmac.compare_digest(told, sign(self._secret, name, stamp, body)):
            return 401, False
        with self._lock:
            # An id is kept for as long as its timestamp may still be taken.
            self._seen = {known: end for known, end in self._seen.items() if end >= now}
            new = name not in self._seen
            self._seen[name] = int(stamp) + WINDOW_SECONDS
        return 200, new


def sign(secret: bytes, name: str, stamp: str, body: bytes) -> bytes:
    """Return the signature of a delivery, as its header has it."""
    digest = hmac.new(secret, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return b"v1," + base64.b64encode(digest)


def secret_for(known: Passwords, purpose: str) -> str:
    """Return a home's secret for one purpose, made from its servers' own secret key.

    So nothing more is kept, and both ends have it after any restart. 32 bytes, as base64.
    """
    key = known.secret_key.get_secret_value().encode()
    if not key:
        raise ContractError(
            "the home has no secret key to sign webhooks with",
            step="up",
            remedy="start the servers with `paddock up`, which makes one",
        )
    digest = hmac.new(key, f"paddock webhook {purpose}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode()


def open_door(secret: str, hear: Callable[[], None]) -> ThreadingHTTPServer:
    """Return a server on a free port of loopback; each delivery that counts calls `hear`."""

    class Handler(_Handler):
        door = Door(secret)

        def heard(self) -> None:
            hear()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    door: ClassVar[Door]

    def heard(self) -> None:
        raise NotImplementedError

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(SLOWEST_SECONDS)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or ""
        if self.path != PLACE:
            status = 404
        elif not re.fullmatch(r"[0-9]{1,9}", length):
            status = 411
        elif int(length) > MOST_BYTES:
            status = 413
        else:
            body = self.rfile.read(int(length))
            given = {name.lower(): value for name, value in self.headers.items()}
            status, new = self.door.judge(given, body)
            if new:
                self.heard()
        self._end(status)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Say no more than a number; a method that is not POST is not allowed."""
        self._end(405 if code == 501 else code)

    def _end(self, status: int) -> None:
        self.close_connection = True
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "POST")
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def version_string(self) -> str:
        return "paddock"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line may hold what a stranger wrote."""
