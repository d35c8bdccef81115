"""Says small or large of a request: `python -m flows.serving.router_door NAME`.

The gateway asks it before an engine sees a request (Envoy's ext_authz over HTTP), and goes on to
the champion where it does not answer in time: this door refuses nobody. Reads the route that the
keeper left, with a router whose bytes were verified; writes what it decided, in numbers.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flows.servers.guarded import told_to_stop
from flows.serving.places import Places, put
from flows.serving.routes import Route
from flows.serving.unix_door import Asked, Door, Reply
from flows.workshop.settings import read_settings
from tasks.models.encoding import Encoder
from tasks.routing.deciding import Decider
from tasks.routing.model import read_router
from tasks.routing.seen import Day, Seen
from tasks.serving.gateway.arms import SMALL
from tasks.serving.gateway.filters import ROUTE, SIZE
from tasks.serving.specification import Specification

LARGE = "large"
_WRITE_SECONDS = 2.0


class RouterDoor(Door):
    """Answers the gateway with a header."""

    def __init__(self, socket: Path, decider: Decider, seen: Seen, late_seconds: float) -> None:
        """Listen; a decision after `late_seconds` is counted as too late."""
        self._decider, self._late = decider, late_seconds
        self._lock, self.seen, self._changed = threading.Lock(), seen, True
        super().__init__(socket, self._answer)

    def _answer(self, asked: Asked) -> Reply:
        if not asked.path.startswith(ROUTE):
            return Reply(404)
        began = time.monotonic()
        found = self._decider.decide(asked.body)
        took = time.monotonic() - began
        late = took > self._late
        if found.margin is None:
            more = Day(unread=1)
        else:
            small = found.small and not late
            more = Day(decided=1, small=small, margins=found.margin, slow=int(late), seconds=took)
        with self._lock:
            self.seen = self.seen.adding(datetime.now(UTC).date(), more)
            self._changed = True
        return Reply(200, headers={SIZE: SMALL if found.small else LARGE})

    def keep(self, place: Path) -> None:
        """Write what was seen, if there is anything new."""
        with self._lock:
            seen, changed, self._changed = self.seen, self._changed, False
        if changed:
            put(place, seen.model_dump(mode="json"))


def seen_before(place: Path, route: Route) -> Seen:
    """Return what an earlier door saw by the same router, else nothing yet."""
    router = read_router(route.folder)
    nothing = Seen(
        name=route.name, version=route.version, digest=route.digest, expected=router.held
    )
    try:
        seen = Seen.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return nothing
    return seen if seen.digest == route.digest else nothing


def main() -> int:
    """Answer until told to stop."""
    stop = told_to_stop()
    os.umask(0o077)
    import torch

    torch.set_num_threads(1)  # several spin for one sentence, and the engines need the cores
    places = Places(read_settings().home, sys.argv[1])
    specification = Specification.model_validate_json(places.specification.read_bytes())
    route = Route.model_validate_json(places.route.read_bytes())
    seconds = specification.router.timeout_ms / 1000 if specification.router else 0.0
    decider = Decider(read_router(route.folder), Encoder(), seconds)
    door = RouterDoor(places.router_door, decider, seen_before(places.router, route), seconds)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    while not stop.wait(_WRITE_SECONDS):
        door.keep(places.router)
    door.shutdown()
    door.keep(places.router)
    return 0


if __name__ == "__main__":
    sys.exit(main())
