"""The engines of one version: started together, ready together, ended together."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from flows.servers.part import Part, part_of
from flows.serving.champion import Release
from flows.workshop.settings import serving_environment
from tasks.models.serving.server import free_ports
from tasks.serving.engines import ADAPTERS, served_names
from tasks.serving.specification import Engine

FROZEN_SECONDS = 20.0  # of an engine that lives and answers no health check


class EngineSet:
    """Processes that serve one release; `began` is seconds of the monotonic clock."""

    def __init__(
        self, release: Release, engine: Engine, logs: Path, began: float, kind: str = "engine"
    ) -> None:
        """Name them, by their kind; the first look starts them."""
        self.release, self.began = release, began
        self.announced = self.seen_well = False  # at the gateway
        self._well: dict[int, float] = {}  # when each was seen to be well
        self.ports = tuple(free_ports(engine.replicas))
        adapter = ADAPTERS[engine.kind]
        self.parts: list[Part] = []
        for number, port in enumerate(self.ports):
            words = adapter.words(engine, release.model, port, release.name)
            name = f"{kind}-{release.version}-{number}"
            part = part_of("serving", name, shlex.join(words), logs, lambda _: False)
            part.environment = serving_environment()  # a command of somebody's gets no secrets
            self.parts.append(part)

    def look(self, now: float, say: Callable[[str], None]) -> bool:
        """Keep them running; False once one of them ended early too often."""
        return all([part.look(now, say) for part in self.parts])

    def is_ready(self) -> bool:
        """Tell whether each takes requests, and is what it was started for."""
        return all(self.release.name in served_names(port) for port in self.ports)

    def frozen(self, well: set[int], now: float) -> list[Part]:
        """Return those that run and were ill for too long; `well` are the ports that are not."""
        self._well |= {port: now for port in well}
        found: list[Part] = []
        for port, part in zip(self.ports, self.parts, strict=True):
            since = max(self._well.get(port, 0.0), part.started)
            if part.process and now - since > FROZEN_SECONDS:
                found.append(part)
        return found

    def stop(self) -> None:
        """End them."""
        for part in self.parts:
            part.stop(2.0)
