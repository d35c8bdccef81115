"""Ports and servers of tests."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once an address answers; RuntimeError with the end of the log if it does not."""
    for _ in range(180):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
        if process.poll() is not None:
            break
    raise RuntimeError(log.read_text()[-2000:])
