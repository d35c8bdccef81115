"""Keeps the parts of `paddock up` running: starts them, shows what they say, starts them again.

`python -m flows.servers.supervisor PID` below tasks/models/serving/guard.py, where PID is the
command's that a person started. Reads deploy/Procfile and the environment that up.py made; writes
a log a part to `logs/` in the home, and `servers.json` once both servers answer. The terminal gets
what people need: warnings and errors of all, and which runs begin and end. A part that ends
is started again after a pause that doubles; one that ends at once again and again ends all of it,
since then something is wrong that a restart does not mend.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from logging import Formatter, Logger, StreamHandler, getLogger
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType

from flows.servers.prefect_pages import LEFT_OUT_ON_PURPOSE
from flows.servers.watchdog import watch
from flows.workshop.settings import CHECKOUT, Settings, read_settings

PROCFILE = CHECKOUT / "deploy" / "Procfile"
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each start after an early end
STEADY_SECONDS = 60.0  # who ran so long has not ended early
# Together less than what the guard gives all of it.
POLITE_SECONDS = {"worker": 8.0, "mlflow": 4.0, "prefect": 4.0}
LOG_BYTES, LOGS = 10 << 20, 2
_TROUBLE = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
_NEWS = re.compile(r"Beginning flow run|Flow run .* Finished in state|Reported flow run")
_CHATTER = re.compile(r"\| (INFO|DEBUG) |\d%\|")  # of libraries; bars of their progress


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
    ended: list[str] = field(default_factory=list[str])

    def look(self, now: float, say: Callable[[str], None]) -> bool:
        """Start it where it is due, notice its end; False once it has ended early too often."""
        if self.process is None:
            if self.due is not None and now >= self.due:
                self._start(now)
            return True
        if (code := self.process.poll()) is None:
            return True
        if self.name != "worker":
            self.signal(signal.SIGKILL)  # what it left behind would hold its port
        self.process = None
        self.early_ends = 1 if now - self.started >= STEADY_SECONDS else self.early_ends + 1
        end = f"{self.name} ended ({_reason(code)})"
        if self.early_ends > len(PAUSES):
            say(f"{end}, {self.early_ends} times in a row. What it said: {self.place}")
            return False
        pause = PAUSES[self.early_ends - 1]
        self.due = now + pause
        say(f"{end}; it is started again in {pause:.0f} s. What it said: {self.place}")
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
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=_copy, args=(self.process.stdout, self.log), daemon=True).start()


def main() -> int:
    """Run the parts until told to stop; 1 if one of them cannot be kept running."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _set(stop))
    logging.raiseExceptions = False  # the terminal may be gone
    settings = read_settings()
    folder = settings.home / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    parts = [_part(line, folder) for line in wanted_lines(settings)]
    say = getLogger("up").info
    _say_on_terminal(getLogger("up"), "up")
    getLogger("up").setLevel("INFO")
    names = ", ".join(part.name for part in parts)
    say(f"starting {names}: about a minute the first time. All that they say: {folder}")
    threading.Thread(target=watch, args=(settings, int(sys.argv[1]), say), daemon=True).start()
    guard = os.getppid()
    try:
        while not stop.wait(0.2) and os.getppid() == guard:
            now = time.monotonic()
            if not all([part.look(now, say) for part in parts]):
                say("all of it stops")
                return 1
    finally:
        for part in reversed(parts):  # the worker first: its runs still have someone to tell
            part.stop(POLITE_SECONDS.get(part.name, 2.0))
        (settings.home / "servers.json").unlink(missing_ok=True)
    return 0


def _set(event: threading.Event) -> Callable[[int, FrameType | None], None]:
    return lambda _number, _frame: event.set()


def wanted_lines(settings: Settings) -> list[str]:
    """Return the lines of deploy/Procfile; without metrics where they have no port."""
    lines = [line for line in PROCFILE.read_text().splitlines() if line.strip()]
    return [line for line in lines if settings.metrics_port or not line.startswith("metrics:")]


def _part(line: str, folder: Path) -> Part:
    name, command = line.split(": ", 1)
    place = folder / f"{name}.log"
    log = getLogger(f"up.{name}")
    log.propagate = False
    log.setLevel("INFO")
    log.addHandler(RotatingFileHandler(place, maxBytes=LOG_BYTES, backupCount=LOGS))
    _say_on_terminal(log, name, lambda line: is_for_people(name, line))
    return Part(name, command, log, place)


def is_for_people(name: str, line: str) -> bool:
    """Tell whether a line of a part is shown on the terminal; its log has every line."""
    trouble = bool(_TROUBLE.search(line)) and LEFT_OUT_ON_PURPOSE not in line
    if trouble or name != "worker":  # servers tell of each request
        return trouble
    return bool(line.strip() and (_NEWS.search(line) or not _CHATTER.search(line)))


def _say_on_terminal(
    log: Logger, name: str, shown: Callable[[str], bool] = lambda line: True
) -> None:
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


if __name__ == "__main__":
    sys.exit(main())
