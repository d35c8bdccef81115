"""Runs a command, and ends all it started when whoever started it is gone, however that came.

A file that is run by itself, with the standard library alone: `python -I guard.py WORD…`. Its
standard input is a pipe that its starter holds open and that ends with the starter, killed or not:
a server left behind would hold a GPU, or a port, for ever. It leads a process group of its own.
On Linux it also takes in what the command started in other groups and left behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 20.0  # between the polite end and the other
_PR_SET_CHILD_SUBREAPER = 36


def main(words: list[str]) -> int:
    """Run the command until it ends or nobody wants it; return its exit code as a shell does."""
    # A handler and not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGTERM, _stay)
    with suppress(OSError, AttributeError):  # not on macOS
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    gone = threading.Event()
    command = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_starter, args=(gone,), daemon=True).start()
    command.returncode = code = _wait_for(command.pid)
    if gone.is_set():
        time.sleep(0.5)  # what the command started itself may end by itself
        _kill_everything()
    _kill_descendants()
    return code if code >= 0 else 128 - code


def _stay(*_: object) -> None: ...


def _wait_for(process: int) -> int:
    """Wait for a child as subprocess would, and bury the orphans that ended meanwhile."""
    while True:
        ended, status = os.wait()
        if ended == process:
            return os.waitstatus_to_exitcode(status)


def _end_with_starter(gone: threading.Event) -> None:
    os.read(0, 1)
    gone.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    _kill_everything()


def _kill_everything() -> None:
    _kill_descendants()
    os.killpg(0, signal.SIGKILL)


def _kill_descendants() -> None:
    """Kill what the command left behind, wherever it went; a killed parent's children come next."""
    end = time.monotonic() + 5
    while (left := _descendants()) and time.monotonic() < end:
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the program's name, which may hold anything: its state and its parent.
            parent = int(place.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(place.parent.name))
    found = children.get(os.getpid(), [])
    for process in found:
        found += children.get(process, [])
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
