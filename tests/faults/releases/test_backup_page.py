"""The commands of docs/production.md back up and restore a home and databases: they are run here.

That the order which the page gives is the right one, and what the other would cost, is shown beside
test_release_backups.py, which puts single parts back.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from model_registry.ledger.book import Ledger
from model_registry.promotion import promote, rollback
from model_registry.reconciling import reconcile
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing
from model_registry.tracking import Registry, open_registry
from tests.ledgers import execute, made_database, postgres_answers

PAGE = Path(__file__).resolve().parents[3] / "docs" / "production.md"
_OURS = ("PADDOCK_", "PREFECT_", "MLFLOW_")
# In place of the page's `.venv/bin/python`: once MLflow's database is copied, a release goes by.
_SLOW_PYTHON = """#!/bin/bash
"{python}" "$@"
case "$*" in *backup/mlflow.db*) touch copied; while [ ! -e released ]; do sleep 0.1; done;; esac
"""


def _commands(title: str) -> str:
    """Return the block of the page that begins with a comment."""
    (block,) = re.findall(rf"^```sh\n# {title}\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return block


def _started(folder: Path, title: str, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", _commands(title)],
        cwd=folder,
        env=kept | {"PADDOCK_HOME": str(folder / ".paddock")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _typed(folder: Path, title: str, **environment: str) -> str:
    """Run a block as somebody types it, and return what it said."""
    process = _started(folder, title, **environment)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.fixture
def checkout(home: Path, keys: SigningKeys) -> Path:
    """A folder as the page has it: a home in which `desk` was released, and an environment."""
    folder = home.parent / "checkout"
    folder.mkdir()
    home.rename(folder / ".paddock")
    shutil.copytree(keys.public.parent, folder / ".paddock/keys")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def _restored(checkout: Path) -> Registry:
    """Open a copy: this process still has the files open that lay at the home's own place."""
    shutil.copytree(checkout / ".paddock", checkout / "looked-at")
    return _opened(checkout, "looked-at")


def _opened(checkout: Path, name: str = ".paddock") -> Registry:
    home = checkout / name
    return open_registry(
        f"sqlite:///{home}/mlflow.db",
        f"file://{home}/mlflow-artifacts",
        ledger=f"sqlite:///{home}/ledger.db",
    )


def test_a_home_comes_back_as_it_was_backed_up(checkout: Path, keys: SigningKeys) -> None:
    before = _opened(checkout)
    reconcile(before, "desk")
    (checkout / ".paddock/store").mkdir()
    (checkout / ".paddock/store/rows.jsonl").write_text("{}\n")
    _typed(checkout, "backup")
    promote(before, "desk", 2, keys)  # lost with the home
    backup = checkout / "backup"
    assert backup.stat().st_mode & 0o077 == 0
    assert (backup / "keys/signing.key").stat().st_mode & 0o077 == 0
    (checkout / ".paddock/ledger.db").write_text("torn")

    assert "desk" in _typed(checkout, "restore")
    assert (checkout / ".paddock-before/ledger.db").read_text() == "torn"
    again = _restored(checkout)
    standing = read_standing(again, "desk")
    assert (standing.trouble, len(again.ledger.rows("desk"))) == ("", 1)
    assert standing.champion is not None and standing.champion.version == 1
    assert (checkout / "looked-at/store/rows.jsonl").read_text() == "{}\n"
    assert promote(again, "desk", 2, keys).moved
    assert rollback(again, "desk", "worse", keys).version == 1


@pytest.mark.slow
def test_a_release_during_a_backup_is_said_and_made_again(
    checkout: Path, keys: SigningKeys
) -> None:
    """As the page orders it the ledger is the newer of the two, so nothing is lost for good."""
    reconcile(_opened(checkout), "desk")
    (checkout / ".venv").unlink()
    shutil.copytree(Path(sys.prefix) / "bin", checkout / ".venv/bin", symlinks=True)
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.write_text(_SLOW_PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    process = _started(checkout, "backup")
    end = time.monotonic() + 60
    while not (checkout / "copied").exists():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    promote(_opened(checkout), "desk", 2, keys)
    (checkout / "released").touch()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said

    process = _started(checkout, "restore")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1  # what was lost is said, and what to do
    assert "paddock promote --name desk --version 2" in " ".join(said.split())
    again = _restored(checkout)
    assert len(again.ledger.rows("desk")) == 2
    assert promote(again, "desk", 2, keys).moved
    assert reconcile(again, "desk", keys).trouble == ""
    assert rollback(again, "desk", "worse", keys).version == 1


@pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL answers")
@pytest.mark.skipif(not shutil.which("pg_dump"), reason="PostgreSQL's own programs are missing")
def test_databases_come_back(desk: Registry, tmp_path: Path) -> None:
    reconcile(desk, "desk")
    names = [f"{name}_DATABASE" for name in ("ACCOUNTS", "MLFLOW", "PREFECT", "LEDGER")]
    with ExitStack() as stack:
        old, new = (
            {name: stack.enter_context(made_database()) for name in names} for _ in range(2)
        )
        Ledger(old["LEDGER_DATABASE"]).append(*desk.ledger.rows("desk"))
        for name in names[:-1]:
            execute(old[name], f"CREATE TABLE kept AS SELECT '{name}' AS of")
        _typed(tmp_path, "backup of databases and files", **old)
        assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
        _typed(tmp_path, "restore of databases", **new)
        assert Ledger(new["LEDGER_DATABASE"]).rows("desk") == desk.ledger.rows("desk")
        assert [_only(new[name]) for name in names[:-1]] == names[:-1]


def _only(address: str) -> str:
    from sqlalchemy import create_engine

    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT of FROM kept")).scalar_one())
    finally:
        engine.dispose()
