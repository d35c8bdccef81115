from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from data_contracts.digests import folder_digest
from data_contracts.errors import IntegrityError
from model_registry import contents
from model_registry.contents import read_contents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of no byte, of one, of some pieces and of a part of one; hidden ones as well."""
    folder = tmp_path / "files"
    (folder / "model" / ".deep").mkdir(parents=True)
    (folder / "empty folder").mkdir()
    (folder / "model" / "weights").write_bytes(os.urandom(2 * contents.PIECE + 12_345))
    (folder / "model" / ".deep" / "naïve\nname").write_bytes(b"1")
    (folder / ".hidden").write_bytes(b"")
    (folder / "card").write_bytes(os.urandom(contents.PIECE))
    return folder


def _bytes(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_one_pass_gives_the_digests_and_the_copy(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    found = read_contents(folder, copy)
    assert found == read_contents(folder) == read_contents(copy)
    assert found.digest == folder_digest(folder)
    assert _bytes(copy) == _bytes(folder)


@pytest.mark.parametrize("below", ["a disk", "memory"])
def test_an_uncached_copy_has_the_same_bytes(folder: Path, tmp_path: Path, below: str) -> None:
    """A file system in memory knows no way past its pages, or takes it for none."""
    for size in (4096, contents.PIECE + 4096):
        (folder / f"{size} bytes").write_bytes(os.urandom(size))
    place = Path("/dev/shm") if below == "memory" else tmp_path
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        copy = Path(scratch) / "copy"
        found = read_contents(folder, copy, uncached=True)
        if below == "a disk":
            assert (_cached(folder / "card"), _cached(copy / "card")) == (True, False)
        assert found == read_contents(folder) == read_contents(copy)
        assert _bytes(copy) == _bytes(folder)


def test_what_a_disk_refuses_past_the_cache_goes_through_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a file is no multiple of a block, and here it is tried all the same."""
    monkeypatch.setattr(contents, "_BLOCK", 1)
    read_contents(folder, tmp_path / "copy", uncached=True)
    assert _bytes(tmp_path / "copy") == _bytes(folder)


def _cached(path: Path) -> bool:
    """Tell whether the beginning of a file is in the page cache."""
    with path.open("rb", buffering=0) as file:
        try:
            return os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False


def test_it_reads_every_byte_once(folder: Path, tmp_path: Path) -> None:
    size = sum(map(len, _bytes(folder).values()))
    before = _read_by_this_process()
    read_contents(folder, tmp_path / "copy")
    assert size <= _read_by_this_process() - before < size * 1.01 + 100_000


def _read_by_this_process() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


@pytest.mark.parametrize("special", ["link to a file", "link to a folder", "pipe"])
def test_what_is_no_file_is_refused(folder: Path, tmp_path: Path, special: str) -> None:
    place = folder / "model" / "special"
    if special == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(folder / ("card" if special.endswith("file") else "empty folder"))
    with pytest.raises(IntegrityError, match="special is a link or another special file"):
        read_contents(folder, tmp_path / "copy")


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="a file is gone"):
        read_contents(tmp_path / "nowhere")
