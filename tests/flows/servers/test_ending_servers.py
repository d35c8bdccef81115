"""`paddock down` where nothing runs, where something does, and where it does not end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.errors import PaddockError
from flows.servers import down
from flows.workshop.settings import Settings

HOLDS = """
import fcntl, json, os, signal, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(json.dumps({"pid": os.getpid()}) if sys.argv[2] != "silent" else "")
file.flush()
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("held", flush=True)
signal.pause()
"""


@pytest.fixture
def holder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLDS, str(tmp_path / "up.lock"), request.param]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def _settings(home: Path) -> Settings:
    return Settings().model_copy(update={"home": home})


def test_where_nothing_runs_there_is_nothing_to_end(tmp_path: Path) -> None:
    assert down.end(_settings(tmp_path)).startswith("nothing to end")
    (tmp_path / "up.lock").write_text(json.dumps({"pid": 1}))  # of one that has ended
    assert down.end(_settings(tmp_path)).startswith("nothing to end")


@pytest.mark.parametrize("holder", ["polite"], indirect=True)
def test_who_holds_the_home_is_ended(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    said = down.end(_settings(tmp_path))
    assert said == f"process {holder.pid} and all that it had started have ended"
    assert holder.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("holder", ["stubborn"], indirect=True)
def test_what_does_not_end_is_named(
    holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(down, "SECONDS", 1)
    with pytest.raises(PaddockError, match="has not ended") as refused:
        down.end(_settings(tmp_path))
    assert str(holder.pid) in refused.value.where and "kill -9" in refused.value.remedy


@pytest.mark.parametrize("holder", ["silent"], indirect=True)
@pytest.mark.usefixtures("holder")
def test_one_that_just_begins_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(PaddockError, match="being taken"):
        down.end(_settings(tmp_path))
