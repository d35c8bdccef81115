"""A program that is kept running: started, watched, started again after a pause that doubles.

What it says goes to a log of its own, which turns over, and to the terminal as far as somebody
wants to see it. Writes that log.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from logging import Formatter, Logger, StreamHandler, getLogger
from logging.handlers import RotatingFileHandler
from pathlib import Path

from flows.workshop.settings import CHECKOUT

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each start after an early end
STEADY_SECONDS = 60.0  # who ran so long has not ended early
OUT_OF_MEMORY = ". If nobody killed it, the system did, for want of memory: `dmesg` tells"
LOG_BYTES, LOGS = 10 << 20, 2


@dataclass
class Part:
    """A program that is to run, and how it fares. Times are seconds of the monotonic clock."""

    name: str
    command: str
    log: Logger
    place: Path
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    due: float | None = 0.0
    early_ends: int = 0
    orphans_stay: bool = False  # what it started may outlive it
    environment: Mapping[str, str] | None = None  # None: this process's
    ended: list[str] = field(default_factory=list[str])

    def look(self, now: float, say: Callable[[str], None]) -> bool:
        """Start it where it is due, notice its end; False once it has ended early too often."""
        if self.process is None:
            if self.due is not None and now >= self.due:
                self._start(now)
            return True
        if (code := self.process.poll()) is None:
            return True
        if not self.orphans_stay:
            self.signal(signal.SIGKILL)  # what it left behind would hold its port
        self.process = None
        self.early_ends = 1 if now - self.started >= STEADY_SECONDS else self.early_ends + 1
        end = f"{self.name} ended ({_reason(code)})"
        if self.early_ends > len(PAUSES):
            say(f"{end}, {self.early_ends} times in a row. What it said: {self.place}")
            return False
        pause = PAUSES[self.early_ends - 1]
        self.due = now + pause
        hint = OUT_OF_MEMORY if code == -signal.SIGKILL else ""
        say(f"{end}; it is started again in {pause:.0f} s. What it said: {self.place}{hint}")
        return True

    def signal(self, number: int) -> None:
        """Send a signal to it and what it started in its process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def stop(self, seconds: float) -> None:
        """End it politely, and after so many seconds in any case."""
        self.signal(signal.SIGTERM)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.signal(signal.SIGKILL)

    def _start(self, now: float) -> None:
        self.started = now
        self.process = subprocess.Popen(
            [os.path.expandvars(word) for word in shlex.split(self.command)],
            cwd=CHECKOUT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=_copy, args=(self.process.stdout, self.log), daemon=True).start()


def part_of(
    group: str, name: str, command: str, folder: Path, shown: Callable[[str], bool]
) -> Part:
    """Return a part with its log in a folder; `shown` tells which lines the terminal gets."""
    place = folder / f"{name}.log"
    log = getLogger(f"{group}.{name}")
    if not log.handlers:  # one that is made again has them
        log.propagate = False
        log.setLevel("INFO")
        log.addHandler(RotatingFileHandler(place, maxBytes=LOG_BYTES, backupCount=LOGS))
        say_on_terminal(log, name, shown)
    return Part(name, command, log, place)


def say_on_terminal(
    log: Logger, name: str, shown: Callable[[str], bool] = lambda line: True
) -> None:
    """Let a logger's lines reach the terminal, as far as they are to be shown."""
    handler = StreamHandler(sys.stdout)
    handler.setFormatter(Formatter(f"%(asctime)s {name:<8}| %(message)s", "%H:%M:%S"))
    handler.addFilter(lambda record: shown(record.getMessage()))
    log.addHandler(handler)


def _copy(lines: Iterable[str], log: Logger) -> None:
    for line in lines:
        log.info("%s", line.rstrip("\n"))


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"
