"""Remembers every row of a snapshot on disk, to tell whether the next one is the same or nearly.

State grows with the rows, so it lies in an SQLite file of which a bounded part is in memory.
Writes that file, which is scratch.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tasks.ingestion.similarity import Bands, similarity

_CACHE_KIB = 16 * 1024
_COMPARED = 4  # rows a band; a phrase that everybody says must not make time quadratic
_BEGINNING = 200  # characters

_TABLES = """
CREATE TABLE identities (identity BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE rows (row INTEGER PRIMARY KEY, source TEXT, line INTEGER, text TEXT, signature BLOB);
CREATE TABLE bands (key INTEGER, row INTEGER, PRIMARY KEY (key, row)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row: where it stands, how it begins (redacted), and its signature."""

    source: str
    line: int
    text: str
    signature: bytes


class SeenRows:
    """The rows so far. `threshold` is the Jaccard index from which rows are near-duplicates."""

    def __init__(self, path: Path, threshold: float) -> None:
        self._threshold, self._bands = threshold, Bands(threshold)
        self._database = sqlite3.connect(path, isolation_level=None, cached_statements=16)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Close the file; what it held is of no use any more."""
        self._database.close()

    def is_new(self, identity: str) -> bool:
        """Tell whether no row had this content before, and remember it."""
        done = self._database.execute(
            "INSERT OR IGNORE INTO identities VALUES (?)", (bytes.fromhex(identity),)
        )
        return done.rowcount == 1

    def nearly(self, row: Seen) -> tuple[Seen, float] | None:
        """Return the first row so far that is nearly the same, and how similar; else remember it.

        A row without words is like no other.
        """
        if not row.signature:
            return None
        keys = self._bands.keys(row.signature)
        for number in self._candidates(keys):
            found = self._database.execute(
                "SELECT source, line, text, signature FROM rows WHERE row = ?", (number,)
            ).fetchone()
            alike = similarity(row.signature, found[3])
            if alike >= self._threshold:
                return Seen(*found), alike
        self._remember(row, keys)
        return None

    def _candidates(self, keys: list[int]) -> list[int]:
        query = f"SELECT row FROM bands WHERE key = ? ORDER BY row LIMIT {_COMPARED}"  # noqa: S608
        found = {row for key in keys for (row,) in self._database.execute(query, (key,))}
        return sorted(found)

    def _remember(self, row: Seen, keys: list[int]) -> None:
        number = self._database.execute(
            "INSERT INTO rows (source, line, text, signature) VALUES (?, ?, ?, ?)",
            (row.source, row.line, row.text[:_BEGINNING], row.signature),
        ).lastrowid
        self._database.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(key, number) for key in keys]
        )
