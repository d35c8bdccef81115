"""Loading for serving: the verified bytes that the ledger names, whole or not at all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_contracts.digests import folder_digest
from data_contracts.errors import ContractError, InputError, IntegrityError
from model_registry.candidates import find_candidate
from model_registry.fetching import fetch
from model_registry.promotion import rollback
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.tracking import Registry, open_registry


@pytest.fixture
def read_only(keys: SigningKeys) -> SigningKeys:
    """What a server that serves has: the public key."""
    return SigningKeys(public=keys.public)


def _files(registry: Registry, version: str, home: Path) -> Path:
    uri = registry.client.get_model_version("desk", version).source
    return home / "mlflow-artifacts" / uri.removeprefix("mlflow-artifacts:/")


@pytest.mark.parametrize(
    ("address", "version"),
    [("desk@champion", 2), ("desk@previous", 1), ("desk/1", 1), ("desk/2", 2)],
)
def test_what_an_address_names_is_fetched(
    serving: Registry, read_only: SigningKeys, tmp_path: Path, address: str, version: int
) -> None:
    folder = tmp_path / "some where" / "serving"
    fetched = fetch(serving, address, folder, read_only)
    assert (fetched.version, fetched.row, fetched.again) == (version, version, False)
    assert folder_digest(folder) == find_candidate(serving, "desk", version).files_digest
    assert [path.name for path in folder.parent.iterdir()] == ["serving"]
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert fetch(serving, address, folder, read_only).again
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps


def test_over_http_and_into_an_empty_folder(
    server: str, approved: Callable[..., object], keys: SigningKeys, tmp_path: Path
) -> None:
    from model_registry.promotion import promote

    registry = open_registry(server, ledger=f"sqlite:///{tmp_path}/ledger.db")
    approved(registry, "fetched", name="fetched")
    promote(registry, "fetched", 1, keys)
    folder = tmp_path / "serving"
    folder.mkdir()
    assert fetch(registry, "fetched@champion", folder, keys).version == 1
    assert folder_digest(folder) == find_candidate(registry, "fetched", 1).files_digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.db", "serving"]


def test_the_ledger_says_what_serves_and_no_alias(
    serving: Registry, read_only: SigningKeys, tmp_path: Path
) -> None:
    serving.client.set_registered_model_alias("desk", "champion", "1")
    assert fetch(serving, "desk@champion", tmp_path / "one", read_only).version == 2
    serving.client.delete_registered_model("desk")  # the bytes are still what they were
    assert fetch(serving, "desk@champion", tmp_path / "two", read_only).version == 2


def _flip(files: Path) -> None:
    weights = files / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def _add(files: Path) -> None:
    (files / "model" / "extra.json").write_text("{}")


def _hide(files: Path) -> None:
    (files / "model" / ".gitignore").write_text("x")


def _remove(files: Path) -> None:
    (files / "MODEL_CARD.md").unlink()


def _rename(files: Path) -> None:
    (files / "MODEL_CARD.md").rename(files / "CARD.md")


def _link(files: Path) -> None:
    (files / "model" / "other.json").symlink_to("config.json")


def _unsign(files: Path) -> None:
    (files.parent / "signature" / "files.sig").unlink()


def _all_gone(files: Path) -> None:
    shutil.rmtree(files)


@pytest.mark.parametrize("harm", [_flip, _add, _hide, _remove, _rename, _link, _unsign, _all_gone])
def test_bytes_that_are_not_what_was_released_are_refused(
    serving: Registry,
    read_only: SigningKeys,
    tmp_path: Path,
    harm: Callable[[Path], object],
) -> None:
    harm(_files(serving, "2", tmp_path / "home"))
    with pytest.raises(IntegrityError):
        fetch(serving, "desk@champion", tmp_path / "serving", read_only)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert fetch(serving, "desk@previous", tmp_path / "serving", read_only).version == 1


def test_bytes_and_signature_of_another_version_are_refused(
    serving: Registry, read_only: SigningKeys, tmp_path: Path
) -> None:
    """Both are good, and they are not what the ledger names."""
    home = tmp_path / "home"
    theirs, ours = (_files(serving, version, home).parent for version in ("1", "2"))
    for place in ("files", "signature"):
        shutil.rmtree(ours / place)
        shutil.copytree(theirs / place, ours / place)
    with pytest.raises(IntegrityError, match="not the ones that were released"):
        fetch(serving, "desk@champion", tmp_path / "serving", read_only)


def test_another_key_is_refused(serving: Registry, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="signature does not hold"):
        fetch(serving, "desk@champion", tmp_path / "serving", ensure_keys(tmp_path / "keys"))


def test_what_lies_there_is_not_written_over(
    serving: Registry, read_only: SigningKeys, tmp_path: Path
) -> None:
    folder = tmp_path / "serving"
    fetch(serving, "desk@previous", folder, read_only)
    before = folder_digest(folder)
    with pytest.raises(InputError, match="something else at that place"):
        fetch(serving, "desk@champion", folder, read_only)
    assert folder_digest(folder) == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="something else at that place"):
        fetch(serving, "desk@champion", tmp_path / "file", read_only)


@pytest.mark.parametrize(
    "address",
    ["desk/3", "desk/9", "nobody@champion", "desk-candidate/1", "desk-candidate@champion"],
)
def test_what_no_release_made_champion_is_not_fetched(
    serving: Registry, read_only: SigningKeys, tmp_path: Path, address: str
) -> None:
    with pytest.raises(ContractError, match="no release made it one that serves"):
        fetch(serving, address, tmp_path / "serving", read_only)


@pytest.mark.parametrize("address", ["desk", "desk@challenger", "desk/0", "Desk/1", "../desk/1"])
def test_what_is_no_address_is_said(serving: Registry, keys: SigningKeys, address: str) -> None:
    with pytest.raises(InputError, match="names no released model"):
        fetch(serving, address, Path("serving"), keys)


def test_after_a_rollback_there_is_no_previous(
    serving: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    rollback(serving, "desk", "worse", keys)
    assert fetch(serving, "desk@champion", tmp_path / "serving", keys).row == 3
    with pytest.raises(ContractError):
        fetch(serving, "desk@previous", tmp_path / "other", keys)


def test_many_at_once_leave_one_whole_folder(
    serving: Registry, read_only: SigningKeys, tmp_path: Path
) -> None:
    start, folder = threading.Barrier(6), tmp_path / "serving"

    def act(_: int) -> int:
        start.wait()
        return fetch(serving, "desk@champion", folder, read_only).version

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(act, range(6))) == [2] * 6
    assert folder_digest(folder) == find_candidate(serving, "desk", 2).files_digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "serving"]
