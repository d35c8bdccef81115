"""A real gateway before small engines."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.serving.places import put
from tasks.serving.gateway import arms
from tasks.serving.gateway.admin import healthy
from tasks.serving.gateway.bootstrap import bootstrap
from tasks.serving.gateway.faults import FAULTS, faults
from tasks.serving.specification import Specification
from tests.tasks.serving.stub_engine import StubEngine
from tests.waiting import free_port


class RunningGateway:
    """Envoy with our configuration, in a folder whose name is short enough for a socket."""

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        self.folder = Path(tempfile.mkdtemp(prefix="paddock-test-"))
        (self.folder / "tap").mkdir()
        put(self.folder / "envoy.json", bootstrap(specification, self.folder))
        self.weigh({})
        put(self.folder / FAULTS, faults())
        for arm in (*arms.ARMS, arms.SMALL_ENGINES):
            self.point(arm)
        command = [str(Path(sys.executable).with_name("envoy")), "-c", "envoy.json"]
        command += ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"]
        command += ["--file-flush-interval-msec", "50"]
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{specification.port}", timeout=20)
        self.admin = httpx.Client(
            base_url="http://admin",
            transport=httpx.HTTPTransport(uds=str(self.folder / "admin.sock")),
        )

    def weigh(self, shares: dict[str, int], salt: int = 0) -> None:
        """Give arms their shares of 10,000, of users shuffled by a salt."""
        put(self.folder / arms.WEIGHTS, arms.weights(shares, salt))

    def point(self, arm: str, *engines: StubEngine, coming: tuple[StubEngine, ...] = ()) -> None:
        """Let an arm have these engines."""
        ports = tuple(engine.port for engine in engines)
        found = arms.endpoints(arm, ports, tuple(engine.port for engine in coming))
        put(self.folder / arms.endpoints_file(arm), found)

    def wait(self, holds: Callable[[], Any], seconds: float = 30) -> Any:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := holds():
                    return found
            except httpx.HTTPError:
                pass
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def ask(self, text: str = "Hello?", **headers: str) -> httpx.Response:
        """Ask something, with headers whose `_` are dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"messages": [{"role": "user", "content": text}]}
        return self.client.post("/v1/chat/completions", json=body, headers=named)

    def healthy(self, arm: str, engine: StubEngine) -> bool:
        """Tell whether the gateway has seen an engine to be well."""
        return engine.port in (healthy(self.folder / "admin.sock", arm) or ())

    def end(self) -> None:
        """End it."""
        self.client.close()
        self.admin.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder)


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., RunningGateway]]:
    started: list[RunningGateway] = []

    def start(**specified: Any) -> RunningGateway:
        started.append(RunningGateway(Specification(port=free_port(), **specified)))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def make_engine() -> Iterator[Callable[[str], StubEngine]]:
    made: list[StubEngine] = []

    def make(name: str) -> StubEngine:
        made.append(StubEngine(name))
        return made[-1]

    yield make
    for engine in made:
        engine.end()
