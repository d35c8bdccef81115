"""Several processes that release at once, and one that is killed in the middle of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_registry.candidates import Candidate
from model_registry.promotion import promote
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing
from model_registry.tracking import Registry, open_registry
from model_registry.versions import list_versions, version_at

# Says that it is ready, waits for the word, acts, and says how that ended as JSON.
PROMOTER = """
import json, sys, time
from pathlib import Path
from tasks.models.garbage import collect_rarely
collect_rarely()
from data_contracts.errors import PaddockError
from model_registry import copies, promotion, releases
from model_registry.signing import SigningKeys
from model_registry.tracking import open_registry

uri, artifacts, ledger, keys, word, action, stop = sys.argv[1:]
registry = open_registry(uri, artifacts or None, ledger=ledger)
given = SigningKeys(public=Path(keys) / "signing.pub", private=Path(keys) / "signing.key")

def stand_still(*_, **__):
    print("in the middle", flush=True)
    time.sleep(600)

if stop:
    module, name = stop.split(".")
    places = {"copies": copies, "promotion": promotion, "releases": releases}
    setattr(places[module], name, stand_still)
print("ready", flush=True)
while not Path(word).exists():
    time.sleep(0.01)
try:
    if action == "rollback":
        done = promotion.rollback(registry, "bells", "rings false", given)
    else:
        done = promotion.promote(registry, "bells", int(action), given)
    print(json.dumps([done.moved, done.version, done.reason]), flush=True)
except PaddockError as error:
    print(json.dumps([False, 0, error.what]), flush=True)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(keys: SigningKeys, tmp_path: Path) -> Iterator[Start]:
    """Start promoters that act at once, when the file `go` is there."""
    started: list[subprocess.Popen[str]] = []

    def run(uri: str, action: str, stop: str = "") -> subprocess.Popen[str]:
        artifacts = "" if uri.startswith("http") else f"file://{tmp_path}/{ARTIFACTS}"
        words = [uri, artifacts, _ledger(tmp_path), str(keys.public.parent), str(tmp_path / "go")]
        process = subprocess.Popen(
            [sys.executable, "-c", PROMOTER, *words, action, stop],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


ARTIFACTS = "mlflow-artifacts"


def _ledger(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


@pytest.fixture
def embedded(empty_database: Path, tmp_path: Path) -> Registry:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return open_registry(f"sqlite:///{tmp_path}/mlflow.db", f"file://{tmp_path}/{ARTIFACTS}")


def _said(process: subprocess.Popen[str]) -> tuple[bool, int, str]:
    out, _ = process.communicate(timeout=240)
    moved, version, reason = json.loads(out.splitlines()[-1])
    return moved, version, reason


def _wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout
    while (said := process.stdout.readline().strip()) != line:
        assert said, "the promoter ended"


@pytest.mark.parametrize("over_http", [False, True])
def test_of_three_promoters_one_releases(
    request: pytest.FixtureRequest,
    embedded: Registry,
    approved: Callable[..., Candidate],
    start: Start,
    tmp_path: Path,
    over_http: bool,
) -> None:
    registry = embedded
    if over_http:
        registry = open_registry(request.getfixturevalue("server"), ledger=_ledger(tmp_path))
    approved(registry, "a", name="bells")
    promoters = [start(registry.uri, "1") for _ in range(3)]
    for process in promoters:
        _wait_for(process, "ready")
    (tmp_path / "go").touch()
    said = [_said(process) for process in promoters]
    # One that comes between the row and the aliases sets them, and tells of it as well.
    assert True in {moved for moved, *_ in said}, said
    assert {reason for moved, _, reason in said if not moved} <= {"it is the champion already"}
    assert len(registry.ledger.rows("bells")) == 1
    assert len(list_versions(registry, "bells")) == 1
    kept = registry.find_runs("bells-releases", {})  # without those that were discarded
    assert [registry.run_status(run) for run in kept] == ["FINISHED"]
    assert read_standing(registry, "bells").trouble == ""


def test_different_releases_at_once_follow_each_other(
    embedded: Registry,
    approved: Callable[..., Candidate],
    keys: SigningKeys,
    start: Start,
    tmp_path: Path,
) -> None:
    """Two rollbacks and a promotion of what was compared with the champion of before."""
    registry = embedded
    promote(registry, "bells", approved(registry, "a", name="bells").version, keys)
    second = approved(registry, "b", name="bells", champion="model-a")
    third = approved(registry, "c", name="bells", champion="model-a")
    promote(registry, "bells", second.version, keys)
    actions = ["rollback", "rollback", str(third.version)]
    promoters = [start(registry.uri, action) for action in actions]
    for process in promoters:
        _wait_for(process, "ready")
    (tmp_path / "go").touch()
    said = [_said(process) for process in promoters]
    rows = registry.ledger.rows("bells")  # a chain: each follows the one before it
    moved = [done for done, *_ in said]
    assert len(rows) == 2 + sum(moved), said
    assert moved[:2].count(True) >= 1, said
    standing = read_standing(registry, "bells")
    assert (standing.trouble, standing.behind) == ("", False)
    champion = version_at(registry, "bells", "champion")
    assert champion is not None
    assert champion.version == rows[-1].version


@pytest.mark.parametrize("stop", ["copies.upload_files", "promotion.append", "releases.point"])
def test_a_killed_promoter_is_waited_for_by_nobody(
    embedded: Registry,
    approved: Callable[..., Candidate],
    start: Start,
    tmp_path: Path,
    stop: str,
) -> None:
    registry = embedded
    approved(registry, "a", name="bells")
    (tmp_path / "go").touch()
    dead = start(registry.uri, "1", stop)
    _wait_for(dead, "in the middle")
    others = [start(registry.uri, "1") for _ in range(2)]
    said = [_said(process) for process in others]
    os.kill(dead.pid, signal.SIGKILL)
    assert True in [moved for moved, *_ in said], said
    assert [row.version for row in registry.ledger.rows("bells")] == [1]
    assert len(list_versions(registry, "bells")) == 1
    standing = read_standing(registry, "bells")
    assert (standing.trouble, standing.behind) == ("", False)
