"""Row 56 of the faults: a database was restored from a backup, and the ledger finds out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model_registry.ledger.book import Ledger
from model_registry.promotion import promote, rollback
from model_registry.reconciling import reconcile
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing
from model_registry.tracking import Registry, open_registry
from model_registry.versions import version_at
from tests.faults.releases.teams import Team, released
from tests.ledgers import ledger_database


def _alias(registry: Registry, name: str) -> int | None:
    version = version_at(registry, name, "champion")
    return version.version if version else None


@pytest.mark.parametrize("backup", ["before the version", "after the version"])
def test_row_56_mlflow_is_put_back(
    home: Path,
    ledger: str,
    keys: SigningKeys,
    monkeypatch: pytest.MonkeyPatch,
    backup: str,
) -> None:
    """The ledger knows of a release that MLflow has forgotten, or of which it has the version."""
    artifacts = f"file://{home}/mlflow-artifacts"
    Ledger(ledger).append(*open_registry(f"sqlite:///{home}/mlflow.db").ledger.rows("desk"))
    desk = open_registry(f"sqlite:///{home}/mlflow.db", artifacts, ledger=ledger)
    if backup == "after the version":
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("model_registry.promotion.append", _die)
            promote(desk, "desk", 2, keys)
    shutil.copyfile(home / "mlflow.db", home / "backup.db")
    promote(desk, "desk", 2, keys)
    restored = open_registry(f"sqlite:///{home}/backup.db", artifacts, ledger=ledger)
    _heals(restored, "desk", keys, forgotten=backup == "before the version")


@pytest.mark.slow
def test_row_56_an_mlflow_server_is_put_back(team: Team, keys: SigningKeys, tmp_path: Path) -> None:
    model = released(team, keys)
    with team.put_back(tmp_path):
        promote(model.promoter, model.name, 2, keys)
    _heals(model.promoter, model.name, keys, forgotten=True)


def _heals(registry: Registry, name: str, keys: SigningKeys, *, forgotten: bool) -> None:
    """Assert that version 2, which the ledger names, is the champion again, as is said."""
    assert len(registry.ledger.rows(name)) == 2
    found = reconcile(registry, name)
    if forgotten:
        assert "last release made version 2 champion, and that version was deleted" in found.trouble
        assert f"`paddock promote --name {name} --version 2`" in found.remedy
        assert promote(registry, name, 2, keys).moved  # as it says
    else:
        assert (found.moves, found.trouble) == ((), "")
        assert "behind the ledger" in found.sentence
    assert _alias(registry, name) == 2
    assert reconcile(registry, name, keys).trouble == ""
    assert rollback(registry, name, "worse", keys).version == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_row_56_the_ledger_is_put_back(
    desk: Registry, home: Path, keys: SigningKeys, tmp_path: Path, kind: str
) -> None:
    promote(desk, "desk", 2, keys)
    with ledger_database(kind, tmp_path) as address:
        Ledger(address).append(*desk.ledger.rows("desk")[:1])  # as it was before
        older = open_registry(desk.uri, f"file://{home}/mlflow-artifacts", ledger=address)
        found = reconcile(older, "desk")
        assert "MLflow has seen row 2 of the ledger, which is not in it" in found.trouble
        assert "restore that from a backup" in found.remedy
        assert _alias(older, "desk") == 2  # nothing was moved
        # A better backup, and all is as it was.
        Ledger(address).append(*desk.ledger.rows("desk")[1:])
        assert reconcile(older, "desk", keys).trouble == ""
        assert rollback(older, "desk", "worse", keys).version == 1


def test_row_56_both_are_put_back(desk: Registry, home: Path, keys: SigningKeys) -> None:
    backup = home.parent / "backup"
    shutil.copytree(home, backup)
    promote(desk, "desk", 2, keys)
    shutil.rmtree(backup / "mlflow-artifacts")
    shutil.copytree(home / "mlflow-artifacts", backup / "mlflow-artifacts")
    again = open_home(backup)
    assert reconcile(again, "desk", keys).trouble == ""
    assert (_alias(again, "desk"), len(again.ledger.rows("desk"))) == (1, 1)
    assert promote(again, "desk", 2, keys).moved
    assert read_standing(again, "desk").trouble == ""


def test_row_56_the_artifacts_are_put_back(desk: Registry, home: Path, keys: SigningKeys) -> None:
    """To before the champion's bytes were there: it is said, and a rollback is possible."""
    shutil.copytree(home / "mlflow-artifacts", home / "backup")
    promote(desk, "desk", 2, keys)
    shutil.rmtree(home / "mlflow-artifacts")
    (home / "backup").rename(home / "mlflow-artifacts")
    found = reconcile(desk, "desk", keys)
    assert "Version 2: the files of a version cannot be read" in found.sentence
    assert found.remedy
    assert rollback(desk, "desk", "its bytes are gone", keys).version == 1
    assert reconcile(desk, "desk", keys).trouble == ""


def open_home(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
