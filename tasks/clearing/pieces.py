"""A thing that stays or goes, with its size and the reason. Needs nothing; writes nothing."""

from __future__ import annotations

import os
import stat
import time
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
            if found := _known(Path(place, name)):
                yield found


def size_of(path: Path) -> int:
    """Return how many bytes a file takes, or the files below a folder; 0 of what is gone."""
    found = _known(path)
    if found and stat.S_ISREG(found.st_mode):
        return found.st_size
    return sum(file.st_size for file in files_below(path))


def newest_below(path: Path) -> float:
    """Return when a file, or a folder or something in it, was changed last (seconds).

    What is gone meanwhile was changed now: somebody is at work with it.
    """
    if (found := _known(path)) is None:
        return time.time()
    return max([found.st_mtime, *(file.st_mtime for file in files_below(path))])


def _known(path: Path) -> os.stat_result | None:
    """Return what is known of a file or folder; None once it is gone."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
