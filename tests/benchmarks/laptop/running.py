"""Runs a command and says what it cost: seconds, processor seconds, the most memory it held."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.laptop.builds import BuildError


@dataclass(frozen=True)
class Cost:
    """What a process used, with those that it waited for. `peak_gib` is of the largest alone."""

    seconds: float
    cpu_seconds: float
    peak_gib: float


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, its lines of output, and what it cost."""

    code: int
    lines: list[str]
    cost: Cost


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    heard: Callable[[str, float], None] = lambda line, at: None,
    may_leave: Sequence[int] = (0,),
) -> Ended:
    """Run a command in a folder; `heard` gets each line with its time (perf_counter).

    BuildError with the end of what it said, where it leaves with another code than it may.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        heard(line, time.perf_counter())
        lines.append(line.rstrip("\n"))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    cost = Cost(
        seconds=time.perf_counter() - began,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_gib=used.ru_maxrss / (1 << 20),
    )
    if code not in may_leave:
        raise BuildError(f"{' '.join(command[-4:])[:200]} left with {code}:\n" + said(lines))
    return Ended(code, lines, cost)


def said(lines: Sequence[str], most: int = 15) -> str:
    """Return the end of what a command said."""
    return "\n".join(f"    {line[:300]}" for line in lines[-most:])
