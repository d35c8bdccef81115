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
import sys
import threading
import time
from logging import getLogger
from pathlib import Path

from flows.servers.guarded import told_to_stop
from flows.servers.part import Part, part_of, say_on_terminal
from flows.servers.prefect_pages import LEFT_OUT_ON_PURPOSE
from flows.servers.watchdog import watch
from flows.workshop.settings import CHECKOUT, Settings, read_settings

PROCFILE = CHECKOUT / "deploy" / "Procfile"
# Together less than what the guard gives all of it.
POLITE_SECONDS = {"worker": 8.0, "mlflow": 4.0, "prefect": 4.0}
_TROUBLE = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
_NEWS = re.compile(r"Beginning flow run|Flow run .* Finished in state|Reported flow run")
_CHATTER = re.compile(r"\| (INFO|DEBUG) |\d%\|")  # of libraries; bars of their progress


def main() -> int:
    """Run the parts until told to stop; 1 if one of them cannot be kept running."""
    stop = told_to_stop()
    logging.raiseExceptions = False  # the terminal may be gone
    settings = read_settings()
    folder = settings.home / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    parts = [_part(line, folder) for line in wanted_lines(settings)]
    say = getLogger("up").info
    say_on_terminal(getLogger("up"), "up")
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


def wanted_lines(settings: Settings) -> list[str]:
    """Return the lines of deploy/Procfile; without metrics where they have no port."""
    lines = [line for line in PROCFILE.read_text().splitlines() if line.strip()]
    return [line for line in lines if settings.metrics_port or not line.startswith("metrics:")]


def _part(line: str, folder: Path) -> Part:
    name, command = line.split(": ", 1)
    part = part_of("up", name, command, folder, lambda line: is_for_people(name, line))
    part.orphans_stay = name == "worker"  # its runs go on
    return part


def is_for_people(name: str, line: str) -> bool:
    """Tell whether a line of a part is shown on the terminal; its log has every line."""
    trouble = bool(_TROUBLE.search(line)) and LEFT_OUT_ON_PURPOSE not in line
    if trouble or name != "worker":  # servers tell of each request
        return trouble
    return bool(line.strip() and (_NEWS.search(line) or not _CHATTER.search(line)))


if __name__ == "__main__":
    sys.exit(main())
