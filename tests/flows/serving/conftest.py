"""A home with a released tiny Llama, and `paddock serve` over it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.serving.places import Places
from model_registry.promotion import promote
from model_registry.retiring import retire
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.tracking import Registry, open_registry
from tests.registry_fixtures import registry_fixtures
from tests.tasks.exporting.llamas import KINDS, save_llama
from tests.waiting import free_port

_registry = registry_fixtures("registry_fixtures_of_serving")
empty_database, make_files = _registry.empty_database, _registry.make_files
register, make_scorecard = _registry.register, _registry.make_scorecard
publish, approved = _registry.publish, _registry.approved
NAME = "desk"


class Desk:
    """A home in which versions of a model were released."""

    def __init__(self, home: Path, database: Path, approved: Callable[..., Any]) -> None:
        self.home, self._approved = home, approved
        shutil.copyfile(database, home / "mlflow.db")
        self.keys: SigningKeys = ensure_keys(home / "keys")
        self.registry: Registry = open_registry(
            f"sqlite:///{home}/mlflow.db",
            (home / "mlflow-artifacts").as_uri(),
            ledger=f"sqlite:///{home}/ledger.db",
        )
        self._last: str | None = None

    def release(self, mark: str) -> int:
        """Let another version serve, and return its number."""
        champion = f"model-{self._last}" if self._last else None
        found = self._approved(self.registry, mark, champion=champion)
        promote(self.registry, NAME, found.version, self.keys)
        self._last = mark
        return found.version

    def approve(self, mark: str, **more: Any) -> int:
        """Let people approve another candidate, and return its number."""
        champion = f"model-{self._last}" if self._last else None
        return self._approved(self.registry, mark, champion=champion, **more).version

    @property
    def champion(self) -> int | None:
        """Return the version that serves by the ledger."""
        return self.registry.ledger.rows(NAME)[-1].version

    def retire(self) -> None:
        """Take the champion out of service."""
        retire(self.registry, NAME, "for a test")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as training leaves it, with a tiny Llama that llama.cpp reads."""
    folder = tmp_path_factory.mktemp("served-llama")
    save_llama(KINDS["smollm"], folder / "model")
    (folder / "MODEL_CARD.md").write_text("# A tiny model\n")
    (folder / "references.json").write_text('{"dataset": "x"}')
    return folder


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    """The keys of every home of these tests."""
    return ensure_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def make_desk(
    empty_database: Path, approved: Callable[..., Any], keys: SigningKeys
) -> Callable[[Path], Desk]:
    """Return a function that makes a home with these keys."""

    def make(home: Path) -> Desk:
        home.mkdir(mode=0o700)
        shutil.copytree(keys.public.parent, home / "keys")
        return Desk(home, empty_database, approved)

    return make


class Served:
    """`paddock serve` while it runs."""

    def __init__(self, home: Path, environment: dict[str, str], specification: str) -> None:
        self.home, self.port = home, free_port()
        self.places = Places(home, NAME)
        self.url = f"http://127.0.0.1:{self.port}"
        file = home / "serving.toml"
        file.write_text(f'name = "{NAME}"\nport = {self.port}\n{specification}')
        self._log = home / "serve.out"
        command = [str(Path(sys.executable).with_name("paddock")), "serve", "--file", str(file)]
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                command, env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def ready(self, seconds: float = 120) -> Served:
        """Wait until it answers."""
        self.wait(lambda: httpx.get(f"{self.url}/health", timeout=2).is_success, seconds)
        return self

    def wait(self, holds: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until something holds; an error of the network means not yet."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := holds():
                    return found
            except (httpx.HTTPError, OSError):
                pass
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.1)

    def ask(self, text: str, **more: Any) -> httpx.Response:
        """Ask something; headers may be given."""
        headers = more.pop("headers", {})
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": 8, **more}
        address = f"{self.url}/v1/chat/completions"
        return httpx.post(address, json=body, headers=headers, timeout=60)

    def said(self) -> str:
        """Return what it printed."""
        return self._log.read_text()

    def end(self, number: int = signal.SIGINT) -> int:
        """End it, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def serve(home_environment: Callable[[Path], dict[str, str]]) -> Iterator[Callable[..., Served]]:
    """Return a function that starts `paddock serve` over a home; all end with the module."""
    started: list[Served] = []

    def start(home: Path, specification: str, **environment: str) -> Served:
        started.append(Served(home, home_environment(home) | environment, specification))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()
        shutil.rmtree(one.places.run, ignore_errors=True)


def lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """Return all processes that a process started, and theirs."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found[1:]


def kill(pid: int) -> None:
    """Kill a process at once."""
    os.kill(pid, signal.SIGKILL)
