"""The object store over files and over a real S3 server: one behavior."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from tasks.storage.objects import LocalStore, ObjectStore, open_store


@pytest.fixture(params=["files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "files":
        return open_store(str(tmp_path / "store"))
    server = request.getfixturevalue("s3_server")
    return open_store(f"s3://{server.bucket}/{secrets.token_hex(6)}", server.endpoint_url)


def test_what_is_written_is_read_back(store: ObjectStore) -> None:
    assert not store.exists("a/b.bin")
    assert store.write("a/b.bin", b"\0one")
    assert store.exists("a/b.bin")
    assert store.read("a/b.bin") == b"\0one"
    assert store.write("a/b.bin", b"two")
    assert store.read("a/b.bin") == b"two"


def test_a_missing_object_is_a_missing_file(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("nothing/here")


def test_keys_are_those_below_the_prefix_sorted(store: ObjectStore) -> None:
    for key in ("run/2", "run/1", "run/deep/3", "runner/4", "other"):
        store.write(key, b"x")
    assert list(store.keys("run")) == ["run/1", "run/2", "run/deep/3"]
    assert list(store.keys("none")) == []


def test_files_go_up_and_come_down(store: ObjectStore, tmp_path: Path) -> None:
    data = secrets.token_bytes(3_000_000)
    (tmp_path / "up").write_bytes(data)
    store.upload("big/file", tmp_path / "up")
    store.download("big/file", tmp_path / "down" / "file")
    assert (tmp_path / "down" / "file").read_bytes() == data


def test_what_is_removed_is_gone_and_its_neighbours_are_not(store: ObjectStore) -> None:
    for key in ("stage/one/a", "stage/one/inner/b", "stage/two/a"):
        store.write(key, b"x")
    for key in ("stage/one/a", "stage/one/inner/b", "stage/one/never"):
        store.remove(key)
    assert list(store.keys("stage")) == ["stage/two/a"]
    folder = store.local_path("stage/one")
    assert folder is None or not folder.exists()
    with pytest.raises(FileNotFoundError):
        store.read("stage/one/a")


def test_of_many_writers_only_one_creates_a_key(store: ObjectStore) -> None:
    def claim(number: int) -> bool:
        return store.write("claim", str(number).encode(), only_if_absent=True)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(16)))
    assert won.count(True) == 1
    assert store.read("claim") == str(won.index(True)).encode()


def test_a_key_cannot_leave_the_store(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with pytest.raises(InputError, match="leaves the store"):
        store.write("../outside", b"x")
    assert not (tmp_path / "outside").exists()


def test_an_unknown_address_is_refused() -> None:
    with pytest.raises(InputError, match="is not a store"):
        open_store("ftp://host/there")
