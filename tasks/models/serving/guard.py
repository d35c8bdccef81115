"""Runs a server's command, and ends it when whoever started it is gone, however that came.

A file that is run by itself, with the standard library alone: `python -I guard.py WORD…`. Its
standard input is a pipe that its starter holds open and that ends with the starter, killed or not:
a server left behind would hold a GPU for ever. It leads a process group of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 20.0  # between the polite end and the other


def main(words: list[str]) -> int:
    """Run the command until it ends or nobody wants it; return its exit code as a shell does."""
    # A handler and not SIG_IGN, which the server would inherit.
    signal.signal(signal.SIGTERM, _stay)
    gone = threading.Event()
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_starter, args=(gone,), daemon=True).start()
    code = server.wait()
    if gone.is_set():
        time.sleep(0.5)  # what the server started itself may end by itself
        os.killpg(0, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _stay(*_: object) -> None: ...


def _end_with_starter(gone: threading.Event) -> None:
    os.read(0, 1)
    gone.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
