"""The small model's engines, and the door that says which requests they get.

Follows the router that serves. The gateway sends to the small model's engines while they are well
and the champion is the version that the router was judged with; else all it would send there goes
to the champion. Writes the gateway's file of that arm, and the route that the door reads.
"""

from __future__ import annotations

from collections.abc import Callable

from flows.servers.part import Part
from flows.serving.engine_sets import EngineSet
from flows.serving.places import Places, put
from flows.serving.routes import Route, RouteFollower
from tasks.serving.gateway import arms
from tasks.serving.specification import Specification

READY_SECONDS = 0.5
AGAIN_SECONDS = 300.0  # until a small model that did not start is tried again


class Routed:
    """What is routed by, what runs for it, and what the gateway was told."""

    def __init__(
        self,
        specification: Specification,
        places: Places,
        follower: RouteFollower,
        make_door: Callable[[], Part],
        say: Callable[[str], None],
    ) -> None:
        """Begin with nothing; the small model's arm goes nowhere yet."""
        self._specification, self._places, self._say = specification, places, say
        self._follower, self._make_door = follower, make_door
        self.route: Route | None = None
        self.engines: EngineSet | None = None
        self._door: Part | None = None
        self._leaving: list[tuple[EngineSet, float]] = []
        self._ready = False
        self._next_look = 0.0
        self._unstartable: dict[Route, float] = {}
        self._pointed: tuple[int, ...] | None = None
        self._point(())

    def look(self, now: float, champion: EngineSet | None) -> None:
        """Do what is due; `champion` are the engines that serve, if any do."""
        wanted = self._follower.latest
        again = self._unstartable.get(wanted, 0.0) if wanted else 0.0
        if wanted != self.route and now >= again:
            self._change(wanted, now)
        if self.engines and self.route:
            self._keep(now, self.engines, self.route)
        if self._door:
            self._door.look(now, self._say)
        holds = champion and self.route and champion.release.digest == self.route.large
        self._point(self.engines.ports if self.engines and self._ready and holds else ())
        for engines, until in list(self._leaving):
            if now >= until:
                engines.stop()
                self._leaving.remove((engines, until))

    def stop(self) -> None:
        """End all of it."""
        if self._door:
            self._door.stop(2.0)
        for engines in filter(None, [self.engines, *(one for one, _ in self._leaving)]):
            engines.stop()

    def _change(self, wanted: Route | None, now: float) -> None:
        """Go over to another router, or to none: the door first, which decides anew."""
        if self._door:
            self._door.stop(2.0)
            self._places.router_door.unlink(missing_ok=True)
        if self.engines:
            until = now + self._specification.gateway.timeout_seconds
            self._leaving.append((self.engines, until))
        self.route, self.engines, self._door, self._ready = wanted, None, None, False
        if wanted is None:
            self._say("no router serves any more: everything goes to the champion")
            return
        put(self._places.route, wanted.model_dump(mode="json"))
        self.engines = EngineSet(
            wanted.small, wanted.engine, self._places.logs, began=now, kind=arms.SMALL
        )
        self._door = self._make_door()
        self._say(f"{wanted.name}/{wanted.version} routes between it and {wanted.small.name}")

    def _keep(self, now: float, engines: EngineSet, route: Route) -> None:
        """Keep the small model's engines running; what cannot be kept is given up for a while."""
        runs = engines.look(now, self._say)
        late = not self._ready and now > engines.began + route.engine.start_seconds
        if not runs or late:
            self._say(f"{engines.release.name} does not run: everything goes to the champion")
            self._unstartable[route] = now + AGAIN_SECONDS
            self._change(None, now)
        elif not self._ready and now >= self._next_look:
            self._next_look = now + READY_SECONDS
            self._ready = engines.is_ready()

    def _point(self, ports: tuple[int, ...]) -> None:
        if ports != self._pointed:
            self._pointed = ports
            file = self._places.run / arms.endpoints_file(arms.SMALL_ENGINES)
            put(file, arms.endpoints(arms.SMALL_ENGINES, ports))
