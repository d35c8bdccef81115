"""Where a log lies in the store: its windows' files, and how one of them is opened as a stream.

Writes into the scratch folder it is given, and only where the store is not on this machine.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_contracts.digests import file_digest
from data_contracts.inference_log import WINDOW, log_folder
from tasks.inference_log.files import ENDINGS
from tasks.storage.objects import ObjectStore


class LogFile(NamedTuple):
    """A file of a log; `window` is the label in its name, empty if that is none's."""

    key: str
    window: str

    @property
    def day(self) -> str:
        """Return the day that it is of."""
        return self.window[:10]


def log_files(store: ObjectStore, name: str) -> Iterator[LogFile]:
    """Yield each file of a log that servers wrote, sorted by name."""
    folder = log_folder(name)
    for key in store.keys(folder):
        file = key.removeprefix(f"{folder}/")
        if not file.startswith((".", "_")):  # what tools leave beside their files, what is sealed
            yield LogFile(key, window_of(file))


def window_of(file: str) -> str:
    """Return the label in a file's name, which may have a part behind it; empty if it has none."""
    label = file.rpartition("/")[2].partition(".")[0]
    known = "/" not in file and file.endswith(ENDINGS) and WINDOW.fullmatch(label)
    return label if known else ""


@contextmanager
def local_file(store: ObjectStore, key: str, scratch: Path) -> Generator[Path]:
    """Give a file's place on this machine; a copy, in `scratch`, goes afterwards."""
    here = store.local_path(key)
    if here is not None:
        yield here
        return
    copy = scratch / ".fetched"
    store.download(key, copy)
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def opened(store: ObjectStore, key: str, scratch: Path) -> Generator[BinaryIO]:
    """Open a file of a log."""
    with local_file(store, key, scratch) as path, path.open("rb") as stream:
        yield stream


def digest_of(store: ObjectStore, key: str, scratch: Path) -> str:
    """Return the sha256 of a file of a log."""
    with local_file(store, key, scratch) as path:
        return file_digest(path)
