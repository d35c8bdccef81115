"""What a command does that keeps programs running until a person ends it: alone, and for sure.

A lock file, held by the kernel, says who does; a guard ends all of it when the command is gone,
however that comes. Ctrl-C, the end of the terminal and a polite kill are one and the same.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from data_contracts.errors import InputError
from flows.workshop.settings import CHECKOUT
from tasks.models.serving import guard


@contextmanager
def sole_owner(
    place: Path, told: Mapping[str, object], taken: Callable[[Mapping[str, object]], InputError]
) -> Generator[int]:
    """Hold a lock file, and give the descriptor that does; the error says who has it already.

    The lock is the kernel's, so one whose holder was killed is none. The file says what is `told`
    of who holds it, and its process.
    """
    file = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise taken(_holder(os.pread(file, 4096, 0))) from error
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps({"pid": os.getpid(), **told}).encode(), 0)
        yield file
    finally:
        os.close(file)


def _holder(text: bytes) -> Mapping[str, object]:
    try:
        found: dict[str, object] = json.loads(text)
    except ValueError:  # it is about to write it
        return {}
    return found


def run_until_told(
    words: Sequence[str], lock: int, environment: Callable[[], Mapping[str, str]] | None = None
) -> int:
    """Run a program below the guard until it ends or a person ends it; return its exit code.

    Its `environment` is this process's, or made when such an end would already be noticed. The
    program has the `lock`: what it guards is taken until all of it has ended.
    """
    with _ends_as_exit():
        process = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, *words],
            cwd=CHECKOUT,
            env=dict(environment()) if environment else None,
            stdin=subprocess.PIPE,  # never written to: the guard sees it end with this process
            start_new_session=True,  # so that Ctrl-C comes here alone
            pass_fds=(lock,),
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait()


@contextmanager
def _ends_as_exit() -> Generator[None]:
    """Take the end of the terminal and a polite kill as Ctrl-C, and only the first of them."""

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # else nohup: it is to stay
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def told_to_stop() -> threading.Event:
    """Return what is set once this process is told to end, politely or by a terminal that ends."""
    event = threading.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        event.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, tell)
    return event


def require_free(host: str, port: int, step: str, remedy: str) -> None:
    """InputError if something listens at a port already; `remedy` says how to name another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"port {port} is taken",
                step=step,
                where=host,
                remedy=f"stop what listens there, or {remedy}",
            ) from error
