"""A guard ends all that its command started, wherever that went, when its starter is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.models.serving import guard

# Starts one process in its own group and one in a session of its own, and says who they are.
COMMAND = """
import subprocess, sys, time
near = subprocess.Popen(["sleep", "600"])
far = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True)
print(near.pid, far.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""
# Starts the guard as ours do, tells what its command told, and stays.
STARTER = """
import subprocess, sys, time
guarded = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""


def _guarded(seconds: float) -> list[str]:
    words = [sys.executable, "-I", guard.__file__, sys.executable, "-c", COMMAND]
    return [*words, str(seconds)]


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _all_end(processes: list[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(map(_lives, processes)):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_starter_leaves_nothing_behind(how: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, *_guarded(600)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    processes = [int(word) for word in starter.stdout.readline().split()]
    assert all(map(_lives, processes))
    os.kill(starter.pid, how)
    starter.wait(10)
    assert _all_end(processes, 10)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_what_a_command_that_ended_left_is_ended_too() -> None:
    guarded = subprocess.Popen(
        _guarded(0.5),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert guarded.stdout
    processes = [int(word) for word in guarded.stdout.readline().split()]
    assert guarded.wait(20) == 0
    assert _all_end(processes, 1)


def test_the_exit_code_is_the_commands() -> None:
    words = [sys.executable, "-I", guard.__file__, "sh", "-c", "kill -9 $$"]
    # `run` would close the pipe at once, which says that nobody wants the command any more.
    with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True) as guarded:
        assert guarded.wait(20) == 128 + 9
