"""SQLite as several processes use it at once: the embedded databases of Prefect and of MLflow.

Prefect's server turns on write-ahead logging and waits a minute for a lock; its client asks again
where the server answers 503. MLflow waits 20 s a statement, but keeps the journal in which a reader
waits for every writer, so its database is put into the other mode here.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from data_contracts.errors import PaddockError

_PREFIX = "sqlite:///"


def let_readers_go_on(uri: str) -> None:
    """Put an SQLite database into write-ahead logging, which stays with the file.

    Where that cannot be done now (a file system without shared memory, a database that is busy)
    it stays as it is, and works.
    """
    if not uri.startswith(_PREFIX):
        return
    path = Path(uri.removeprefix(_PREFIX).partition("?")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=5)) as database:
        database.execute("PRAGMA journal_mode = WAL")


def is_locked(error: BaseException) -> bool:
    """Whether an error says, in SQLite's words, that someone else keeps a database locked."""
    return "database is locked" in str(error)


def locked(where: str) -> PaddockError:
    """Return what to tell people of such an error."""
    return PaddockError(
        "a database stayed locked by another process for longer than is waited",
        step="storage",
        where=where,
        remedy="run again when the other command is done: finished stages are kept. Where several "
        "people work at once, start the servers (make up)",
    )
