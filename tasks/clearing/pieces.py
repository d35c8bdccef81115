"""A thing that stays or goes, with its size and the reason. Needs nothing; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Piece(NamedTuple):
    """A thing of a kind. `remove` takes it away, and returns whether it did; None: it stays.

    `size` is in bytes.
    """

    kind: str
    name: str
    size: int
    why: str
    remove: Callable[[], bool] | None = None


def files_below(folder: Path) -> Iterator[os.stat_result]:
    """Yield what is known of each file below a folder; links are not followed."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield Path(place, name).lstat()
            except FileNotFoundError:  # gone meanwhile
                continue


def size_of(folder: Path) -> int:
    """Return how many bytes the files below a folder take, or a file itself."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(file.st_size for file in files_below(folder))


def newest_below(folder: Path) -> float:
    """Return when something in a folder, or it itself, was changed last (seconds)."""
    return max([folder.lstat().st_mtime, *(file.st_mtime for file in files_below(folder))])
