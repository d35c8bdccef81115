"""A stage's output while it is made: files that are done can be stored before the others.

So a large output needs not fit on the machine that makes it. Writes to the store it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_contracts.digests import file_digest
from data_contracts.records import Frozen
from tasks.storage.objects import ObjectStore


class FileEntry(Frozen):
    """One file of an output."""

    sha256: str
    size: int


class Draft:
    """An output in the making: a folder, and the files that were stored before the rest.

    `taken` returns something once another machine has finished the output: a worker that was frozen
    and given up, and is revived, must not put its files among the other's.
    """

    def __init__(
        self, store: ObjectStore, key: str, folder: Path, taken: Callable[[], object]
    ) -> None:
        self._store, self._key, self.folder, self._taken = store, key, folder, taken
        self.sealed: dict[str, FileEntry] = {}

    def seal(self, name: str) -> None:
        """Store a file that will not change any more, and free the room it takes here."""
        path = self.folder / name
        self.sealed[name] = _entry(path)
        if not self._taken():
            self._store.upload(f"{self._key}/{name}", path)
        path.unlink(missing_ok=True)

    def seal_the_rest(self) -> None:
        """Store every file that is still here, scratch aside."""
        for name in _files(self.folder):
            self.seal(name)


def _entry(path: Path) -> FileEntry:
    return FileEntry(sha256=file_digest(path), size=path.stat().st_size)


def _files(folder: Path) -> list[str]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = (path.relative_to(folder) for path in paths)
    return [
        name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)
    ]
