"""The flow's own training process: caught while a run starts it, then run by itself for few steps.

Linux only: how the flow started it (its words and its environment) is read from /proc.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.laptop.builds import Build, BuildError
from tests.benchmarks.laptop.running import Cost, run, said


@dataclass(frozen=True)
class Started:
    """How a flow started its training: the words, the environment and the job file's content."""

    words: list[str]
    environment: dict[str, str]
    job: dict[str, Any]
    job_file: str


@dataclass(frozen=True)
class Trained:
    """Tokens a second past the warm-up steps, and what the whole process cost."""

    tokens_per_second: float
    cost: Cost


class Catcher:
    """Waits, beside a run, for its training process."""

    def __init__(self, build: Build) -> None:
        self._folder = build.home / "work" / "model"
        self._found: list[Started] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Catcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def started(self, lines: Sequence[str]) -> Started:
        """Return what was caught; BuildError if a run that said `lines` started no training."""
        if not self._found:
            raise BuildError(f"the run started no training in {self._folder}:\n{said(lines)}")
        return self._found[0]

    def _watch(self) -> None:
        while not self._found and not self._done.wait(0.05):
            for file in self._folder.glob("*/.job.json"):
                if found := _started_with(file):
                    self._found.append(found)
                    return


def _started_with(file: Path) -> Started | None:
    with suppress(OSError, ValueError):
        job = json.loads(file.read_text())
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = os.fsdecode((process / "cmdline").read_bytes()).split("\0")[:-1]
                if str(file) in words and "tasks.finetuning.train_process" in words:
                    given = os.fsdecode((process / "environ").read_bytes()).split("\0")
                    return Started(words, variables(given), job, str(file))
    return None


def variables(entries: Sequence[str]) -> dict[str, str]:
    """Return the environment that these entries are.

    glibc ends each of its tunables where it stands, so that those behind the first look like
    variables.
    """
    pairs = [entry.partition("=")[::2] for entry in entries if "=" in entry]
    found = {name: value for name, value in pairs if not name.startswith("glibc.")}
    tunables = [f"{name}={value}" for name, value in pairs if name.startswith("glibc.")]
    if first := found.get("GLIBC_TUNABLES"):
        found["GLIBC_TUNABLES"] = ":".join([first, *tunables])
    return found


def train(build: Build, started: Started, scratch: Path, steps: int, warmup: int) -> Trained:
    """Train the demo some steps, as the flow does, into a scratch folder that is removed."""
    out = scratch / f"training-{time.monotonic_ns()}"
    out.mkdir()
    recipe = {**started.job["recipe"], "max_steps": steps}
    job = {**started.job, "out": str(out), "recipe": recipe}
    file = out / ".job.json"
    file.write_text(json.dumps(job))
    words = [str(file) if word == started.job_file else word for word in started.words]
    at: dict[int, float] = {}
    summary: dict[str, Any] = {}

    def heard(line: str, now: float) -> None:
        event = _event(line)
        if event.get("event") == "step":
            at[int(event["step"])] = now
        summary.update(event.get("summary", {}))

    try:
        ended = run(words, build.folder, started.environment, heard)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    if summary.get("steps") != steps or not {warmup, steps} <= set(at):
        raise BuildError(f"{build.name} trained {sorted(at)}, not {steps} steps")
    tokens = summary["tokens"] / steps * (steps - warmup)
    return Trained(tokens / (at[steps] - at[warmup]), ended.cost)


def _event(line: str) -> dict[str, Any]:
    with suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            return event
    return {}
