"""Keeps a serving running and current: engines, gateway, the log's writer.

`python -m flows.serving.keeper NAME` below tasks/models/serving/guard.py. Reads the specification
that `paddock serve` left, follows the champion, and lets another version take over only once all
of its engines answer; requests under way at the old ones end there. Writes the files that the
gateway watches, a log a part, and `serving.json` while it serves.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import time
from logging import getLogger
from pathlib import Path
from typing import Any

from flows.servers.guarded import told_to_stop
from flows.servers.part import Part, part_of, say_on_terminal
from flows.serving.beside import Beside
from flows.serving.champion import Fixed, Follower, Following, Release
from flows.serving.chaos import ChaosWatch
from flows.serving.engine_sets import FROZEN_SECONDS, EngineSet
from flows.serving.places import Places, put
from flows.serving.routed import Routed
from flows.serving.routes import RouteFollower
from flows.workshop.parts import Workshop
from flows.workshop.quiet import quiet_libraries
from flows.workshop.settings import read_settings, serving_environment
from tasks.serving.gateway import arms
from tasks.serving.gateway.admin import healthy
from tasks.serving.gateway.bootstrap import bootstrap
from tasks.serving.specification import Specification

FLUSH_MS = 500  # until a line of the access log is in its file
LOOK_SECONDS, READY_SECONDS = 0.2, 0.5
HEALTH_SECONDS = 2.0
AGAIN_SECONDS = 300.0  # until a version that did not start is tried again


class Keeper:
    """What runs now, what is coming and what is leaving."""

    def __init__(
        self,
        specification: Specification,
        places: Places,
        follower: Following,
        routes: RouteFollower | None = None,
    ) -> None:
        """Begin with nothing; the first look starts the engines and the gateway."""
        self.specification, self.places, self.follower = specification, places, follower
        self.say = getLogger("serving").info
        self.serving: EngineSet | None = None
        self.coming: EngineSet | None = None
        self.leaving: list[tuple[EngineSet, float]] = []
        self.beside = Beside(specification, places, self.say)
        self.routed = (
            Routed(specification, places, routes, self._router_door, self.say) if routes else None
        )
        self.gateway = self._gateway()
        self.chaos = ChaosWatch(places, self.say)
        self.parts = [self.gateway]
        if specification.log.keep:
            self.parts.append(self._beside_gateway("log", "log_writer"))
        if specification.token_caps:
            self.parts.append(self._beside_gateway("tokens", "token_door"))
        self._weights: dict[str, str] = {}  # of what served, by the names that answers say
        self._unstartable: dict[Release, float] = {}
        self._next_check = self._next_health = 0.0
        self._publish()

    def look(self, now: float) -> bool:
        """Do what is due; False if what serves cannot be kept running."""
        self._follow(now)
        if self.coming and not self._come(now, self.coming):
            return False
        if self.serving and not self._keep_well(now, self.serving):
            return False
        for leaving, until in list(self.leaving):
            if now >= until:
                leaving.stop()
                self.leaving.remove((leaving, until))
        serves = self.serving and self.serving.release.digest
        self.beside.look(now, serves, f"{self.gateway.started}")
        if self.routed:
            self.routed.look(now, self.serving)
        self._name_others()
        self.chaos.look(now, self.serving.parts if self.serving else [], self.gateway)
        return all([part.look(now, self.say) for part in self.parts])

    def stop(self) -> None:
        """End all of it, the gateway first: nobody is sent to an engine that is gone."""
        self.places.state.unlink(missing_ok=True)
        self.chaos.clear()
        for part in self.parts:
            part.stop(5.0)
        self.beside.stop()
        if self.routed:
            self.routed.stop()
        sets = [self.coming, self.serving, *(leaving for leaving, _ in self.leaving)]
        for one in filter(None, sets):
            one.stop()

    def _follow(self, now: float) -> None:
        wanted = self.follower.latest
        current = self.coming or self.serving
        if wanted == (current and current.release):
            return
        if self.coming:
            self.coming.stop()
            self.coming = None
        if wanted is None:
            self._take_over(None, now)
        elif self.serving and wanted == self.serving.release:
            return  # back before the other one had come
        elif now >= self._unstartable.get(wanted, 0.0):
            self.coming = EngineSet(wanted, self.specification.engine, self.places.logs, began=now)

    def _come(self, now: float, coming: EngineSet) -> bool:
        """Start what is coming, or let it take over; False if it cannot and nothing ever served."""
        seconds = self.specification.engine.start_seconds
        runs = coming.look(now, self.say)
        if runs and now >= self._next_check:
            self._next_check = now + READY_SECONDS
            if self._may_take_over(coming):
                self.coming = None
                self._take_over(coming, now)
                return True
        if runs and now < coming.began + seconds:
            return True
        coming.stop()
        self.coming = None
        self._publish()
        self._unstartable[coming.release] = now + AGAIN_SECONDS
        self.say(
            f"{coming.release.name} did not become ready in {seconds:g} s; what its engine said: "
            f"{coming.parts[0].place}"
        )
        return bool(self._weights)

    def _keep_well(self, now: float, serving: EngineSet) -> bool:
        """Keep what serves running; an engine that lives and answers nothing is ended."""
        if now >= self._next_health:
            self._next_health = now + HEALTH_SECONDS
            well = healthy(self.places.socket, "stable")
            if well is not None:
                for part in serving.frozen(well, now):
                    self.say(f"{part.name} has answered nothing for {FROZEN_SECONDS:.0f} s: ended")
                    part.signal(signal.SIGKILL)
        return serving.look(now, self.say)

    def _may_take_over(self, coming: EngineSet) -> bool:
        """Tell whether its engines answer, and, while others serve, the gateway knows them.

        It must have seen them to be well at two looks: its workers hear of it a moment later.
        """
        if not coming.is_ready():
            return False
        if self.serving is None:  # nobody is refused only because the door has not opened yet
            return not self.specification.token_caps or self.places.token_door.exists()
        if not coming.announced:
            coming.announced = True
            self._point("stable", self.serving.ports, coming.ports)
            return False
        well = set(coming.ports) <= (healthy(self.places.socket, "stable") or set())
        before, coming.seen_well = coming.seen_well, well
        return before and well

    def _take_over(self, new: EngineSet | None, now: float) -> None:
        old, self.serving = self.serving, new
        self._publish()
        if old:
            self.leaving.append((old, now + self.specification.gateway.timeout_seconds))
        if old and new:
            self.say(f"{new.release.name} serves now, in place of {old.release.name}")

    def _publish(self) -> None:
        """Tell the gateway, and whoever reads serving.json, what serves."""
        ports = self.serving.ports if self.serving else ()
        for arm, listed in (("stable", ports), ("baseline", ports)):
            self._point(arm, listed)
        if self.serving:
            release = self.serving.release
            self._weights[release.name] = release.digest  # the old one still answers a while
            put(self.places.state, self._state(release))
        else:
            self.places.state.unlink(missing_ok=True)

    def _name_others(self) -> None:
        """Let the log's writer know whose bytes answer beside the champion's."""
        for engines in (self.beside.engines, self.routed and self.routed.engines):
            release = engines and engines.release
            if self.serving and release and release.name not in self._weights:
                self._weights[release.name] = release.digest
                put(self.places.state, self._state(self.serving.release))

    def _point(self, arm: str, ports: tuple[int, ...], coming: tuple[int, ...] = ()) -> None:
        file = self.places.run / arms.endpoints_file(arm)
        put(file, arms.endpoints(arm, ports, coming))

    def _state(self, release: Release) -> dict[str, Any]:
        host, port = self.specification.host, self.specification.port
        return {
            "pid": os.getpid(),
            "name": self.specification.name,
            "version": release.version,
            "digest": release.digest,
            "served_as": release.name,
            "address": f"http://{host}:{port}/v1",
            "admin": str(self.places.socket),
            "weights": self._weights,
            "engines": list(self.serving.ports) if self.serving else [],
        }

    def _gateway(self) -> Part:
        run = self.places.run
        put(run / "envoy.json", bootstrap(self.specification, run))
        put(run / arms.endpoints_file("canary"), arms.endpoints("canary", ()))
        for socket in (self.places.socket, self.places.token_door, self.places.router_door):
            socket.unlink(missing_ok=True)
        envoy = Path(sys.executable).with_name("envoy")
        words = [str(envoy), "-c", str(run / "envoy.json"), "--use-dynamic-base-id"]
        words += ["--concurrency", str(min(4, os.cpu_count() or 1)), "--log-level", "warning"]
        words += ["--file-flush-interval-msec", str(FLUSH_MS)]
        part = part_of("serving", "gateway", shlex.join(words), self.places.logs, _is_trouble)
        part.environment = serving_environment()
        return part

    def _router_door(self) -> Part:
        return self._beside_gateway("router", "router_door")

    def _beside_gateway(self, name: str, module: str) -> Part:
        words = [sys.executable, "-m", f"flows.serving.{module}", self.specification.name]
        return part_of("serving", name, shlex.join(words), self.places.logs, _is_trouble)


def _is_trouble(line: str) -> bool:
    return line.startswith(("ERROR", "WARNING")) or "[error]" in line or "[critical]" in line


def main() -> int:
    """Serve until told to stop; 1 if what serves cannot be kept running."""
    stop = told_to_stop()
    logging.raiseExceptions = False  # the terminal may be gone
    os.umask(0o077)
    quiet_libraries()
    say_on_terminal(getLogger("serving"), "serve")
    getLogger("serving").setLevel("INFO")
    settings = read_settings()
    places = Places(settings.home, sys.argv[1])
    specification = Specification.model_validate_json(places.specification.read_bytes())
    first = Release.model_validate_json(places.release.read_bytes())
    workshop, say = Workshop(settings, "serving"), getLogger("serving").info
    follower: Following = Fixed(first)
    routes: RouteFollower | None = None
    if specification.candidate is None:
        follower = Follower(workshop, specification, places.folder, first, say)
        if routing := specification.router:
            routes = RouteFollower(workshop, specification, routing, places.folder, say)
    keeper = Keeper(specification, places, follower, routes)
    guard = os.getppid()
    try:
        while not stop.wait(LOOK_SECONDS) and os.getppid() == guard:
            if not keeper.look(time.monotonic()):
                keeper.say("all of it stops")
                return 1
    finally:
        keeper.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
