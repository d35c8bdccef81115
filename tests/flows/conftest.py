"""Ways to run `paddock`: one command after another in one process, killed half-way, or in the test.

In one process the libraries and Prefect start once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Takes a command a line; gives each one files for its output, and answers with its exit code.
_DRIVER = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
from flows.command.cli import main

def run(words):
    try:
        return main(words)
    except SystemExit as end:
        return end.code
    except BaseException as error:
        import traceback
        traceback.print_exc()
        return 1

for line in sys.stdin:
    words, environment, folder = json.loads(line)
    os.environ.update(environment)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    code = run(words)
    sys.stdout.flush()
    sys.stderr.flush()
    print(json.dumps(code), file=answers, flush=True)
"""

Ended = subprocess.CompletedProcess[str]


class Terminal:
    """A window in which commands are typed; each may be about another home."""

    prefect_database: Path

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", _DRIVER],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, home: Path, *words: str, **environment: str) -> Ended:
        """Run a command and return how it ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        usual = ("NAMES_MODEL", "STORE", "VECTORS", "SHARD_RUNNER", "SHARD_WORKERS", "SHARD_BYTES")
        given = {f"PADDOCK_{name}": "" for name in usual} | environment
        given["PADDOCK_HOME"] = str(home)
        stdin.write(json.dumps([words, given, str(self._folder)]) + "\n")
        stdin.flush()
        answer = stdout.readline()
        out, err = ((self._folder / name).read_text() for name in ("out", "err"))
        assert answer, f"the terminal died: {err}"
        return subprocess.CompletedProcess(words, json.loads(answer), out, err)

    def close(self) -> None:
        """End the process, and the Prefect server that it started."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(60)


@pytest.fixture(scope="session")
def terminal(
    home_environment: Callable[[Path], dict[str, str]],
    make_home: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Terminal]:
    """Return a terminal; what it is told of no home in particular lies in a home of its own."""
    folder = tmp_path_factory.mktemp("terminal")
    home = make_home(folder / "home")
    database = home / "prefect.db"
    address = {"PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}"}
    started = Terminal(folder / "work", home_environment(home) | address)
    started.prefect_database = database  # of every home that it works in
    yield started
    started.close()


@pytest.fixture(scope="module")
def prefect_server(
    make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Let flows run in the tests' own process, with a server whose tables are made already."""
    from prefect.testing import utilities

    def made() -> str:
        folder = make_home(tmp_path_factory.mktemp("harness") / "home")
        (folder / "prefect.db").rename(folder / "prefect-test.db")
        return str(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilities, "mkdtemp", made)  # where the harness keeps its database
        with utilities.prefect_test_harness(server_startup_timeout=120):
            yield


@pytest.fixture(scope="session")
def manifests() -> Callable[[Path], dict[str, list[dict[str, Any]]]]:
    """Return a function that lists the manifests of a home's stage outputs, by stage."""

    def read(home: Path) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for path in sorted((home / "store").glob("*/*/manifest.json")):
            found.setdefault(path.parts[-3], []).append(json.loads(path.read_text()))
        return found

    return read


def run_and_kill(
    home: Path, words: list[str], environment: dict[str, str], line: str, delay: float
) -> str:
    """Start the main job, kill -9 its whole process group, and return what it had said."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("paddock")), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    said = ""
    try:
        while line not in said and (new := process.stdout.readline()):
            said += new
        time.sleep(delay)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        said += process.stdout.read()
        process.wait()
    return said
