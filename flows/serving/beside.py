"""A candidate's engines beside the champion's, and the share of the traffic that they get.

Reads what a canary's ticks want; starts the engines, and gives them requests only while the gateway
sees them to be well and somebody ticks. It takes the traffic away by itself, at once: when an
engine ends or answers nothing, when ticks stop, and when the candidate has become the champion.
Writes the gateway's weights, and how the engines fare.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.records import Frozen
from flows.serving.champion import Release
from flows.serving.engine_sets import EngineSet
from flows.serving.places import Places, put
from tasks.canary.phases import SILENT
from tasks.serving.gateway import arms
from tasks.serving.gateway.admin import healthy
from tasks.serving.ports.traffic import EnvoyTraffic, Traffic
from tasks.serving.specification import Specification

ARM = "canary"
HEALTH_SECONDS = 1.0
ILL_LOOKS = 5  # at the gateway, a second apart, until an engine that lives counts as gone


class Wanted(Frozen):
    """What a tick wants: a candidate, shares of 10,000 users, their salt, and when it said so."""

    release: Release
    baseline: int = Field(ge=0, le=arms.SUM)
    canary: int = Field(ge=0, le=arms.SUM)
    salt: int = Field(default=0, ge=0, lt=arms.SALTS)
    tick: AwareDatetime


class Fares(Frozen):
    """How a candidate's engines fare: `why` is why they are given up; empty if they are not.

    `share` is what the canary gets of 10,000 users now, `gateway` names the process that counts,
    `ports` are where its engines listen on loopback.
    """

    digest: str
    ready: bool
    why: str = ""
    share: int = 0
    gateway: str = ""
    ports: tuple[int, ...] = ()


class Beside:
    """What is wanted, what runs, and what the gateway was told of it."""

    def __init__(
        self, specification: Specification, places: Places, say: Callable[[str], None]
    ) -> None:
        """Begin with no candidate; the gateway's weights are written as none."""
        self._specification, self._places, self._say = specification, places, say
        self.engines: EngineSet | None = None
        self._leaving: list[tuple[EngineSet, float]] = []
        self._traffic: Traffic = EnvoyTraffic(places.run, places.socket, put)
        self._why = ""
        self._ready = self._pointed = False
        self._ill = 0
        self._next_health = 0.0
        self._told: Fares | None = None
        self._shares: dict[str, int] | None = None
        places.seen_canary.unlink(missing_ok=True)  # of one that was killed
        self._set_shares({})

    def look(self, now: float, champion: str | None, gateway: str) -> None:
        """Do what is due; `champion` is the digest that serves, `gateway` the process that counts.

        Times are seconds of the monotonic clock.
        """
        wanted = self._wanted()
        if wanted is None or wanted.release.digest == champion:
            self._end(now)
        else:
            if self.engines is None or self.engines.release != wanted.release:
                self._end(now)
                self._begin(wanted.release, now)
            self._keep(now)
            self._set_shares(self._due(wanted), wanted.salt)
            self._tell(wanted, gateway)
        for engines, until in list(self._leaving):
            if now >= until:
                engines.stop()
                self._leaving.remove((engines, until))
                if self.engines is None and not self._leaving:
                    self._point(())

    def stop(self) -> None:
        """End all of it."""
        self._places.seen_canary.unlink(missing_ok=True)
        for engines in filter(None, [self.engines, *(one for one, _ in self._leaving)]):
            engines.stop()

    def _wanted(self) -> Wanted | None:
        """Return what is wanted; None where nothing is, or nobody has ticked for too long."""
        try:
            wanted = Wanted.model_validate_json(self._places.wanted_canary.read_bytes())
        except (OSError, ValidationError):
            return None
        return wanted if abs(datetime.now(UTC) - wanted.tick) <= SILENT else None

    def _begin(self, release: Release, now: float) -> None:
        engine = self._specification.engine
        self.engines = EngineSet(release, engine, self._places.logs, began=now, kind=ARM)
        self._why, self._ready, self._pointed, self._ill = "", False, False, 0
        self._say(f"{release.name} is started beside the champion")

    def _keep(self, now: float) -> None:
        """Keep the candidate's engines, or give them up: of a canary none is started again."""
        engines = self.engines
        if engines is None or self._why:
            return
        runs = engines.look(now, self._say)
        if not runs or any(part.process is None for part in engines.parts):
            self._give_up(f"an engine of {engines.release.name} ended")
        elif now >= self._next_health:
            self._next_health = now + HEALTH_SECONDS
            self._see(engines, now)

    def _see(self, engines: EngineSet, now: float) -> None:
        """Look how the engines fare at the gateway, which learns of them once they are ready."""
        if not self._pointed:
            if engines.is_ready():
                self._pointed = True
                self._point(engines.ports)
            elif now > engines.began + self._specification.engine.start_seconds:
                self._give_up(f"{engines.release.name} did not become ready")
            return
        seen = healthy(self._places.socket, ARM)
        if seen is None:
            return  # the gateway itself is away
        well = set(engines.ports) <= seen
        self._ill = 0 if well or not self._ready else self._ill + 1
        self._ready = self._ready or well
        if self._ill >= ILL_LOOKS:
            self._give_up(f"an engine of {engines.release.name} answers nothing")

    def _give_up(self, why: str) -> None:
        self._why, self._ready = why, False
        self._set_shares({})
        self._say(f"{why}: it gets no traffic")
        if self.engines:
            self.engines.stop()
        self._point(())

    def _due(self, wanted: Wanted) -> dict[str, int]:
        return {"baseline": wanted.baseline, ARM: wanted.canary} if self._ready else {}

    def _set_shares(self, shares: dict[str, int], salt: int = 0) -> None:
        if shares != self._shares:
            self._shares = shares
            self._traffic.give(shares, salt)

    def _point(self, ports: tuple[int, ...]) -> None:
        put(self._places.run / arms.endpoints_file(ARM), arms.endpoints(ARM, ports))

    def _tell(self, wanted: Wanted, gateway: str) -> None:
        fares = Fares(
            digest=wanted.release.digest,
            ready=self._ready,
            why=self._why,
            share=(self._shares or {}).get(ARM, 0),
            gateway=gateway,
            ports=self.engines.ports if self.engines else (),
        )
        if fares != self._told or not self._places.seen_canary.exists():
            self._told = fares
            put(self._places.seen_canary, json.loads(fares.model_dump_json()))

    def _end(self, now: float) -> None:
        """Let the candidate go: no new requests now, its process once none can be under way."""
        self._set_shares({})
        if self.engines is None:
            return
        self._say(f"{self.engines.release.name} stands beside the champion no more")
        self._leaving.append((self.engines, now + self._specification.gateway.timeout_seconds))
        self.engines = None
        self._places.seen_canary.unlink(missing_ok=True)
