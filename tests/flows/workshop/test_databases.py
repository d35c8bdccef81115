"""Readers of an embedded database go on while someone writes, and a lock that stays is said so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.command.cli import main
from flows.command.commands import COMMANDS
from flows.workshop.databases import let_readers_go_on


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mlflow.db"
    for _ in range(2):  # a new database, and one that is so already
        let_readers_go_on(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE runs (id)")
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("INSERT INTO runs VALUES (1)")
        with closing(sqlite3.connect(path, timeout=0)) as reader:
            assert reader.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_server_or_a_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    let_readers_go_on("http://127.0.0.1:5000")
    (tmp_path / "mlflow.db").write_text("no database, but long enough to be looked at as one" * 9)
    let_readers_go_on(f"sqlite:///{tmp_path}/mlflow.db")
    assert (tmp_path / "mlflow.db").read_text().startswith("no database")


def test_a_lock_that_stays_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from mlflow import MlflowException

    def fail(*_: object) -> int:
        raise MlflowException("(sqlite3.OperationalError) database is locked\n[SQL: INSERT …]")

    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path))
    monkeypatch.setitem(COMMANDS, "show", COMMANDS["show"]._replace(action=fail))
    assert main(["show"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("storage: a database stayed locked by another process")
    assert str(tmp_path) in said
    assert "SQL" not in said
