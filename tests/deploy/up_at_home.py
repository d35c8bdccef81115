"""A `paddock up` that runs in a home of its own, as the tests of what dies see it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flows.servers.watchdog import ask
from model_registry.accounts.passwords import read_passwords

Found = TypeVar("Found")
# Of each part of deploy/Procfile, what its process's words hold. The worker's become Prefect's own.
PARTS = {
    "prefect": "prefect\0server",
    "mlflow": "mlflow\0server",
    "worker": "worker\0",
    "webhooks": "flows.servers.webhooks",
    "metrics": "flows.measuring.exporter",
}


@dataclass
class Up:
    """A `paddock up` that runs."""

    home: Path
    api: str
    mlflow: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    @property
    def login(self) -> str:
        return read_passwords(self.home / "accounts.toml").prefect.get_secret_value()

    def told(self) -> str:
        return (self.home / "up.txt").read_text()

    def parts(self) -> dict[str, int]:
        """Return the process of each part by its name: the supervisor's children."""
        tree = descendants(self.process.pid)
        lines = {one: Path(f"/proc/{one}/cmdline").read_text() for one in tree}
        found = {
            name: [p for p, line in lines.items() if words in line] for name, words in PARTS.items()
        }
        return {name: pids[0] for name, pids in found.items() if pids}

    def post(self, path: str, body: Any) -> Any:
        """Call Prefect's API; as its own client does, once more where it is busy."""
        return wait_for(lambda: answer_of(f"{self.api}{path}", body, self.login), 60)

    def get(self, path: str) -> Any:
        return wait_for(lambda: answer_of(f"{self.api}{path}", None, self.login), 60)

    def state(self, run: str) -> str:
        return str(self.get(f"/flow_runs/{run}")["state_type"])


def wait_for(look: Callable[[], Found | None], seconds: float) -> Found:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    pytest.fail(f"nothing happened within {seconds} s")


def answer_of(address: str, body: Any, login: str = "") -> Any:
    try:
        return ask(address, body, login) or True
    except OSError:
        return None


def descendants(process: int) -> list[int]:
    """Return a process's descendants."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(place.parent.name))
    found = list(parents.get(process, []))
    for one in found:
        found += parents.get(one, [])
    return found
