"""Remembers every row of a snapshot on disk, to tell whether another one is the same or nearly.

State grows with the rows, so it lies in an SQLite file of which a bounded part is in memory.
Rows that may be alike are found by their signatures; whether they say the same is told by their
texts (`tasks.ingestion.likeness`). Writes that file, which is scratch.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.ingestion.likeness import Part, Told, say_the_same, told
from tasks.ingestion.similarity import Bands, similarity

_CACHE_KIB = 16 * 1024
_FOUND = 4  # rows a band; a phrase that everybody says must not make time quadratic
_COMPARED, _BESIDE = 4, 12  # rows read in full: to be the same, and to tell what many share
_READ_CHARACTERS = 300_000  # of rows kept in memory as they are read

_TABLES = """
CREATE TABLE identities (identity BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE origins (identity BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE rows (
    row INTEGER PRIMARY KEY, source TEXT, line INTEGER, id TEXT, stays INTEGER, told BLOB,
    signature BLOB
);
CREATE TABLE bands (key INTEGER, row INTEGER, PRIMARY KEY (key, row)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row: where it stands, its id, its parts (redacted), and its signature."""

    source: str
    line: int
    id: str
    parts: Sequence[tuple[Part, str]]
    signature: bytes

    def beginning(self, characters: int) -> str:
        """Return how its texts begin."""
        return "\n".join(text for _, text in self.parts if text)[:characters]


class SeenRows:
    """The rows so far. `threshold` is the Jaccard index from which rows are near-duplicates."""

    def __init__(self, path: Path, threshold: float) -> None:
        self._threshold, self._bands = threshold, Bands(threshold)
        self._read: dict[int, Told] = {}
        self._read_characters = 0
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

    def add_origin(self, identity: str) -> None:
        """Remember that a row which stays was made of another one."""
        self._database.execute(
            "INSERT OR IGNORE INTO origins VALUES (?)", (bytes.fromhex(identity),)
        )

    def unknown_origins(self) -> int:
        """Return how many rows that others were made of never came."""
        query = (
            "SELECT count(*) FROM origins WHERE identity NOT IN (SELECT identity FROM identities)"
        )
        (count,) = self._database.execute(query).fetchone()
        return count

    def add(self, row: Seen) -> int:
        """Remember a row and return its number. One without words is like no other."""
        text = zlib.compress(json.dumps(row.parts).encode("utf-8"), 1)
        number = self._database.execute(
            "INSERT INTO rows (source, line, id, stays, told, signature) VALUES (?, ?, ?, 1, ?, ?)",
            (row.source, row.line, row.id, text, row.signature),
        ).lastrowid
        assert number is not None  # noqa: S101
        if row.signature:
            keys = self._bands.keys(row.signature)
            self._database.executemany(
                "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(key, number) for key in keys]
            )
        return number

    def leave_out(self, number: int) -> None:
        """Note that a row does not stay, so that none is dropped for being like it."""
        self._database.execute("UPDATE rows SET stays = 0 WHERE row = ?", (number,))

    def nearly(self, number: int, signature: bytes) -> tuple[Seen, float] | None:
        """Return the row before this one that stays and says nearly the same, and how similar.

        Rows behind it are looked at, too, where they were added: for what many rows share.
        """
        if not signature:
            return None
        near = self._candidates(number, signature)
        before = [(one, alike) for one, alike, stays in near if stays and one < number]
        for one, alike in before[:_COMPARED]:
            beside = [other for other, _, _ in near if other != one][:_BESIDE]
            if say_the_same(
                self._told(one),
                self._told(number),
                lambda beside=beside: [self._told(other) for other in beside],
                self._threshold,
            ):
                return self.seen(one), alike
        return None

    def _candidates(self, number: int, signature: bytes) -> list[tuple[int, float, bool]]:
        """Return (row, similarity, whether it stays) of rows that are alike, the most first."""
        keys = self._bands.keys(signature)
        rows = {row for key in keys for row in self._in_band(key)}
        found: list[tuple[int, float, bool]] = []
        for row in sorted(rows - {number}):
            other, stays = self._database.execute(
                "SELECT signature, stays FROM rows WHERE row = ?", (row,)
            ).fetchone()
            alike = similarity(signature, other)
            if alike >= self._threshold:
                found.append((row, alike, bool(stays)))
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def _in_band(self, key: int) -> list[int]:
        """Return the first rows of a band, and of a full one the last."""
        query = f"SELECT row FROM bands WHERE key = ? ORDER BY row {{}} LIMIT {_FOUND}"  # noqa: S608
        found = [row for (row,) in self._database.execute(query.format("ASC"), (key,))]
        if len(found) == _FOUND:
            found += [row for (row,) in self._database.execute(query.format("DESC"), (key,))]
        return found

    def seen(self, number: int) -> Seen:
        """Return a row by its number."""
        source, line, identity, text, signature = self._database.execute(
            "SELECT source, line, id, told, signature FROM rows WHERE row = ?", (number,)
        ).fetchone()
        parts = [(part, said) for part, said in json.loads(zlib.decompress(text))]
        return Seen(source, line, identity, parts, signature)

    def _told(self, number: int) -> Told:
        if number not in self._read:
            parts = self.seen(number).parts
            size = sum(len(text) for _, text in parts)
            if self._read_characters + size > _READ_CHARACTERS:
                self._read.clear()
                self._read_characters = 0
            self._read[number] = told(parts)
            self._read_characters += size
        return self._read[number]
