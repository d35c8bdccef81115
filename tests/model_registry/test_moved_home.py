"""A home that was moved, copied or mounted elsewhere: its registry's files are found there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import ContractError, IntegrityError
from model_registry.candidates import Candidate
from model_registry.promotion import promote, promote_approved, rollback
from model_registry.readiness import require_ready
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from model_registry.versions import version_at

Open = Callable[..., Registry]


def _open(home: Path, folder: str = "mlflow-artifacts") -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/{folder}")


@pytest.fixture
def earlier(
    empty_database: Path,
    approved: Callable[..., Candidate],
    keys: SigningKeys,
    tmp_path: Path,
) -> Path:
    """A home of before: its experiments and runs hold the whole path of their files."""
    home = tmp_path / "first place" / "home"
    home.mkdir(parents=True)
    shutil.copyfile(empty_database, home / "mlflow.db")
    registry = _open(home)
    for ending in ("", "-candidates", "-releases", "-promotions", "-review"):
        name = f"desk{ending}"
        place = (home / "mlflow-artifacts" / name).as_uri()
        registry.client.create_experiment(name, artifact_location=place)
    promote(registry, "desk", approved(registry, "a").version, keys)
    promote(registry, "desk", approved(registry, "b", champion="model-a").version, keys)
    champion = version_at(registry, "desk", "champion")
    assert champion is not None
    assert champion.uri.startswith(f"{(home / 'mlflow-artifacts').as_uri()}/desk-releases/")
    return home


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_everything_goes_on_elsewhere(
    earlier: Path,
    approved: Callable[..., Candidate],
    keys: SigningKeys,
    tmp_path: Path,
    how: str,
) -> None:
    home = tmp_path / "second place"
    shutil.copytree(earlier, home)
    if how == "moved":
        shutil.rmtree(earlier.parent)
    before = sorted(earlier.rglob("*")) if how == "copied" else []
    registry = _open(home)
    require_ready(registry, "desk")
    approved(registry, "c", champion="model-b")
    poll = promote_approved(registry, "desk", keys)
    assert poll.release is not None, poll
    assert rollback(registry, "desk", "worse", keys).version == 2
    assert earlier.parent.exists() is (how == "copied")
    assert before == (sorted(earlier.rglob("*")) if how == "copied" else [])


def test_new_homes_hold_no_place(released: Path, keys: SigningKeys, tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    shutil.copytree(released, home)
    assert str(released).encode() not in (home / "mlflow.db").read_bytes()
    registry = _open(home)
    require_ready(registry, "desk")
    assert promote_approved(registry, "desk", keys).release is not None


def test_files_that_point_to_a_place_that_is_gone_are_said_and_not_made_again(
    earlier: Path, register: Callable[..., Candidate], tmp_path: Path
) -> None:
    """A folder under another name is not taken for the one that was there."""
    home = tmp_path / "second place"
    shutil.move(earlier, home)
    (home / "mlflow-artifacts").rename(home / "other-files")
    registry = _open(home, "other-files")
    with pytest.raises(ContractError, match="point elsewhere") as refusal:
        require_ready(registry, "desk")
    assert "first%20place" in refusal.value.where
    with pytest.raises(ContractError, match="point elsewhere"):
        register(registry, "c")
    assert not earlier.exists()


def test_a_champion_without_its_files_is_said(serving: Registry, tmp_path: Path) -> None:
    require_ready(serving, "desk")
    shutil.rmtree(tmp_path / "home/mlflow-artifacts/desk-releases")
    with pytest.raises(IntegrityError, match="champion's files are not where the registry says"):
        require_ready(serving, "desk")


def test_a_deleted_experiment_is_said(serving: Registry) -> None:
    place = serving.client.get_experiment_by_name("desk-candidates").experiment_id
    serving.client.delete_experiment(place)
    with pytest.raises(ContractError, match="the experiment desk-candidates was deleted"):
        require_ready(serving, "desk")


def test_an_address_that_leaves_the_folder_is_refused(serving: Registry) -> None:
    with (
        pytest.raises(IntegrityError, match="leaves the artifact store"),
        serving.downloaded("mlflow-artifacts:/desk/../../secret"),
    ):
        pass
