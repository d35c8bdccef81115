"""Reserves tokens for requests of tenants with a cap: `python -m flows.serving.token_door NAME`.

The gateway asks it before an engine sees a request (Envoy's ext_authz over HTTP), and the log's
writer tells it what each one took. Listens on a socket in a folder that only this user can enter;
writes the SQLite file of what was used, and no text of a request anywhere.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from flows.servers.guarded import told_to_stop
from flows.serving.places import Places
from flows.serving.unix_door import Asked, Door, Reply
from flows.workshop.settings import read_settings
from tasks.serving.gateway.counted import REQUEST, TENANT
from tasks.serving.gateway.filters import RESERVE, SETTLE
from tasks.serving.specification import Specification
from tasks.serving.token_caps import TokenCaps, most_tokens


class TokenDoor(Door):
    """Answers the gateway and the log's writer."""

    def __init__(self, socket: Path, caps: TokenCaps, context: int) -> None:
        """Listen; `context` is the most tokens a request can take."""
        self._caps, self._context = caps, context
        super().__init__(socket, self._answer)

    def _answer(self, asked: Asked) -> Reply:
        if asked.path == SETTLE:
            taken = json.loads(asked.body)
            self._caps.settle([(str(request), tokens) for request, tokens in taken])
            return Reply(200)
        return self._reserve(asked) if asked.path.startswith(RESERVE) else Reply(404)

    def _reserve(self, asked: Asked) -> Reply:
        caps, tenant = self._caps, asked.headers.get(TENANT, "")
        request = asked.headers.get(REQUEST, "")
        if tenant not in caps.caps or not request:
            return Reply(403, "a tenant with a cap and a request's id are needed")
        tokens = most_tokens(asked.body, self._context)
        wait = caps.reserve(tenant, request, tokens, datetime.now(UTC))
        if wait is None:
            return Reply(200)
        seconds = math.ceil(wait)
        cap = f"{caps.caps[tenant]:,} tokens"
        said = f"{tenant} has used its {cap} of today; they begin anew at midnight UTC"
        if seconds <= 1:
            said = (
                f"requests under way may take what is left of {tenant}'s {cap} of today; ask again"
            )
        return Reply(429, said, {"Retry-After": str(seconds)})


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
