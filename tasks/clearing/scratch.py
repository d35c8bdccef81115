"""Which of a home's work folders, caches and logs may go: those that nobody holds or uses.

Needs the home. A stage's work folder is what a killed one goes on from, so it goes by age alone;
its lock file stays, for whoever waits at it.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tasks.clearing.pieces import Piece, newest_below, size_of
from tasks.storage.outputs import USED
from tasks.storage.stages import EVERY

CACHES = ("fetched", "bases", "verified", "assembly")
LOGS = ("logs", "prefect/storage")  # and results of flows, which Prefect keeps for ever


def is_at_work(work: Path) -> bool:
    """Tell whether a stage is being made in a home: its lock is held."""
    return any(not _free(lock) for stage in EVERY for lock in (work / stage.name).glob("*.lock"))


def judge_scratch(home: Path, cutoff: datetime, *, at_work: bool) -> Iterator[Piece]:
    """Say of every work folder, cache and log of a home whether it stays."""
    work = home / "work"
    for stage in EVERY:
        for folder in sorted(p for p in (work / stage.name).glob("*") if p.is_dir()):
            yield _judged("work folders", folder, cutoff, at_work=not _free(_lock(folder)))
    for name in CACHES:
        for entry in sorted((work / name).glob("*")):
            yield _judged("caches", entry, cutoff, at_work=at_work)
    for name in LOGS:
        for entry in sorted(p for p in (home / name).glob("*") if p.is_file()):
            yield _judged("logs", entry, cutoff, at_work=False)
    marks = work / USED
    for mark in sorted(p for p in marks.rglob("*") if p.is_file()):
        if _changed(mark) <= cutoff:
            yield Piece("marks of use", mark.name, 0, "old", partial(_take, mark, cutoff))


def _judged(kind: str, path: Path, cutoff: datetime, *, at_work: bool) -> Piece:
    size, name = size_of(path), f"{path.parent.name}/{path.name}"
    if at_work:
        return Piece(kind, name, size, "a run is at work with it")
    if _changed(path) > cutoff:
        return Piece(kind, name, size, "changed not so long ago")
    return Piece(kind, name, size, "nobody has gone on with it", partial(_take, path, cutoff))


def _take(path: Path, cutoff: datetime) -> bool:
    """Remove a file or folder, if still nobody holds or has changed it."""
    with _held(_lock(path)) as held:
        if not held or not path.exists() or _changed(path) > cutoff:
            return False
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return True


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(newest_below(path), UTC)


def _lock(path: Path) -> Path:
    return path.with_suffix(".lock")


def _free(lock: Path) -> bool:
    with _held(lock) as held:
        return held


@contextmanager
def _held(lock: Path) -> Generator[bool]:
    """Hold a lock file for a moment, if there is one; tell whether nobody else does."""
    if not lock.exists():
        yield True
        return
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
