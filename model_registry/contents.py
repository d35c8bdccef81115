"""A folder's bytes, read once: what every file's digest is, while a copy is made or without one.

Needs a folder. Writes the copy, if one is asked for. A model's weights are many gigabytes, so the
one pass gives all that is asked of them: the digest of each file, which the signature is over, and
the folder's own. Files are read side by side, for what takes time is one processor's hashing.

A copy that nobody is about to read is written past the page cache (O_DIRECT), where the system can:
filling fresh pages takes longer than hashing, and drives out what others need there.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from io import FileIO
from pathlib import Path

from data_contracts.digests import digest_of_names
from data_contracts.errors import IntegrityError
from data_contracts.records import Frozen

PIECE = 1 << 20  # bytes: it stays in the processor's cache while it is hashed and written
_BLOCK = 4096  # bytes: no disk has larger ones, of which such writes must be multiples
_DIRECT = getattr(os, "O_DIRECT", 0)  # Linux has it
_AT_ONCE = max(2, min(4, os.cpu_count() or 1))  # files


class Contents(Frozen):
    """The sha256 (hex) of every file below a folder, by its name there (posix)."""

    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Return the digest of the folder, as `folder_digest` does."""
        return digest_of_names(self.files)


def read_contents(folder: Path, copy_to: Path | None = None, *, uncached: bool = False) -> Contents:
    """Return what a folder holds; with `copy_to`, a folder that is not there yet, copy it.

    `uncached` leaves the copy on the disk alone, not in the page cache. IntegrityError if the
    folder holds a link, or anything else that is neither file nor folder, or if it cannot be read.
    """
    try:
        names = sorted(_names(folder))
        for place in {Path(name).parent for name in names} if copy_to else ():
            (copy_to or folder).joinpath(place).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            jobs = {
                name: pool.submit(_read, folder / name, copy_to and copy_to / name, uncached)
                for name in names
            }
            return Contents(files={name: job.result() for name, job in jobs.items()})
    except FileNotFoundError as error:
        raise _unreadable(folder, "a file is gone") from error


def _names(folder: Path) -> Iterator[str]:
    """Yield the names of the files below a folder, hidden ones as well."""
    for entry in os.scandir(folder):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from (f"{entry.name}/{name}" for name in _names(Path(entry.path)))
        elif stat.S_ISREG(mode):
            yield entry.name
        else:
            raise _unreadable(folder, f"{entry.name} is a link or another special file")


def _read(source: Path, target: Path | None, uncached: bool) -> str:
    digest, piece = hashlib.sha256(), memoryview(mmap.mmap(-1, PIECE))  # begins with a page
    with (
        source.open("rb", buffering=0) as read,
        target.open("xb", buffering=0) if target else nullcontext() as written,
    ):
        if written and uncached:
            _set_direct(written, on=True)
        while count := read.readinto(piece):
            digest.update(piece[:count])
            if written:
                _write(written, piece[:count])
    return digest.hexdigest()


def _write(file: FileIO, data: memoryview) -> None:
    """Write all of it; through the page cache what the disk does not take past it."""
    if len(data) % _BLOCK:
        _set_direct(file, on=False)
    while data:
        try:
            data = data[file.write(data) :]
        except OSError as error:
            if error.errno != errno.EINVAL or not _set_direct(file, on=False):
                raise


def _set_direct(file: FileIO, *, on: bool) -> bool:
    """Have a file written past the page cache, or not; return whether that changed anything."""
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    wanted = flags | _DIRECT if on else flags & ~_DIRECT
    if wanted == flags:
        return False
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, wanted)
    except OSError as error:  # a file system without it
        if error.errno != errno.EINVAL:
            raise
        return False
    return True


def _unreadable(folder: Path, what: str) -> IntegrityError:
    return IntegrityError(
        f"the files cannot be read as they should be ({what})",
        step="registry",
        where=str(folder),
        remedy="see that the artifact store is whole; what is gone or was put in, ask who changed",
    )
