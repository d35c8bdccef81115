"""For faults that befall training: the jobs of its own tests, and the processes that do them."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import file_digest


def _training_fixtures() -> Any:
    place = Path(__file__).parents[1] / "tasks" / "finetuning" / "conftest.py"
    spec = importlib.util.spec_from_file_location("training_fixtures", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_training = _training_fixtures()
make_snapshot, base = _training.make_snapshot, _training.base
make_job, finished, own_signals = _training.make_job, _training.finished, _training.own_signals


class Trainers:
    """The training processes of a job, found by the job's folder or any folder above it."""

    def pids(self, out: str | Path) -> list[int]:
        """Return those that live."""
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            ours = "tasks.finetuning.train_process" in words
            if ours and any(word.startswith(f"{out}/") for word in words):
                found.append(int(folder.name))
        return [pid for pid in found if self.state(pid) not in "ZX"]

    def pid(self, out: str | Path) -> int | None:
        """Return one of them, or None."""
        return next(iter(self.pids(out)), None)

    def state(self, pid: int) -> str:
        """Return a process's state letter (T: stopped, Z: ended, X: gone)."""
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "X"

    def kill(self, out: str | Path, number: int = signal.SIGKILL) -> None:
        """Send one of them a signal."""
        if pid := self.pid(out):
            os.kill(pid, number)

    def files(self, out: str | Path) -> dict[str, str]:
        """Return the digest of every file that counts as output."""
        paths = (path for path in Path(out).rglob("*") if path.is_file())
        names = {path: path.relative_to(out).as_posix() for path in paths}
        return {n: file_digest(path) for path, n in names.items() if not n.startswith(".")}

    def wait_for(self, look: Callable[[], object], seconds: float = 60) -> None:
        """Look until there is something."""
        end = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.02)


@pytest.fixture(scope="session")
def trainers() -> Trainers:
    return Trainers()
