"""The tables of vectors in PostgreSQL: an index's own, how it is filled, and whether it is whole.

A row has a place and a vector: of each chunk, or of each node where the index has a graph. What a
table holds is summed by the database, so that a copy is compared with what was sent when it is
made, and with what it was then before it is searched. Needs a cursor, numpy and an index's folder.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

from data_contracts.errors import ContractError, IntegrityError
from tasks.retrieval.building import VECTORS, Facts
from tasks.retrieval.graph import BUILD_WIDTH, LEAST_FOUND, NEIGHBOURS, SEARCH_WIDTH, Members

STEP = "vectors"
LIST = "paddock_indexes"
MADE = """CREATE TABLE IF NOT EXISTS paddock_indexes (
  digest text, store text, rows bigint NOT NULL, dimension integer NOT NULL, content text NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (digest, store))"""
_MOST_DIMENSIONS = 2000  # that pgvector's HNSW takes
_TRIED = 1000  # nodes of a graph that are asked for themselves
_AT_ONCE = 4096  # rows
# Of each row as it is sent: its place, its number of dimensions, and its numbers (big-endian).
_CONTENT = (
    "SELECT count(*), coalesce(encode(sha256(string_agg(sha256(int8send(place) || "
    "vector_send(embedding)), ''::bytea ORDER BY place)), 'hex'), '') FROM {table}"
)
_LOST = (
    "SELECT count(*), count(*) FILTER (WHERE found <> place) FROM (SELECT place, (SELECT o.place "
    "FROM {table} o ORDER BY o.embedding <#> t.embedding LIMIT 1) AS found FROM {table} t "
    "WHERE place %% %(every)s = 0) AS tried"
)


def table_of(digest: str) -> str:
    """Return the table of an index; a digest is hexadecimal, and says so."""
    return f"paddock_vectors_{int(digest, 16):064x}"[:48]


def exists(cursor: Any, table: str) -> bool:
    """Tell whether there is a table of a name."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
    return cursor.fetchone() == (True,)


def summed(cursor: Any, digest: str) -> tuple[int, str]:
    """Return how many rows an index's table has, and the sha256 (hex) of their sha256s."""
    cursor.execute(_CONTENT.format(table=table_of(digest)))
    rows, content = cursor.fetchone()
    return rows, content


def whole(cursor: Any, digest: str) -> tuple[int, int] | None:
    """Return rows and dimension of a copy; None if there is none that is as it was written."""
    if not exists(cursor, LIST) or not exists(cursor, table_of(digest)):
        return None
    cursor.execute(
        "SELECT DISTINCT rows, dimension, content FROM paddock_indexes WHERE digest = %s", (digest,)
    )
    said = cursor.fetchall()
    if len(said) != 1 or (said[0][0], said[0][2]) != summed(cursor, digest):
        return None
    return said[0][0], said[0][1]


def copy_vectors(cursor: Any, digest: str, folder: Path, facts: Facts) -> None:
    """Fill an index's table, compare what arrived, and make a graph where the index has one.

    ContractError if the graph does not take, or loses, its vectors.
    """
    import numpy as np

    _require_fits(facts)
    table, vectors = table_of(digest), np.load(folder / VECTORS, mmap_mode="r")
    places = Members(folder).first_places() if facts.nodes else np.arange(facts.chunks)
    cursor.execute(
        f"CREATE TABLE {table} (place bigint PRIMARY KEY, "
        f"embedding vector({facts.dimension}) NOT NULL)"
    )
    sums = hashlib.sha256()
    cursor.copy_expert(
        f"COPY {table} FROM STDIN (FORMAT binary)",
        BufferedReader(_Sent(_rows(vectors, places, sums))),
    )
    if summed(cursor, digest) != (len(places), sums.hexdigest()):
        raise IntegrityError(
            "the database holds other vectors than it was sent",
            step=STEP,
            where=f"index {digest[:16]}",
            remedy="run again; if it repeats, look at the server's disk",
        )
    if facts.nodes:
        cursor.execute(
            f"CREATE INDEX ON {table} USING hnsw (embedding vector_ip_ops) "
            f"WITH (m = {NEIGHBOURS}, ef_construction = {BUILD_WIDTH})"
        )
        _require_found(cursor, table, len(places))


def _require_fits(facts: Facts) -> None:
    if facts.nodes and facts.dimension > _MOST_DIMENSIONS:
        raise ContractError(
            f"vectors of {facts.dimension} numbers: pgvector's graph takes {_MOST_DIMENSIONS}",
            step=STEP,
            where="the index",
            remedy="raise --exact-up-to above the number of chunks: all of them are then compared",
        )


def _require_found(cursor: Any, table: str, nodes: int) -> None:
    """Return if vectors find themselves by the graph; ContractError if one in twenty does not."""
    cursor.execute(
        "SELECT set_config('hnsw.ef_search', %s, true), set_config('enable_seqscan', 'off', true)",
        (str(SEARCH_WIDTH),),
    )
    cursor.execute(_LOST.format(table=table), {"every": max(1, nodes // _TRIED)})
    tried, lost = cursor.fetchone()
    if lost > (1 - LEAST_FOUND) * tried:
        raise ContractError(
            f"{lost:,} of {tried:,} vectors do not find themselves in the database's graph",
            step=STEP,
            where="the graph of vectors",
            remedy="raise --exact-up-to above the number of chunks: all of them are then compared",
        )


def _rows(vectors: Any, places: Any, sums: Any) -> Iterator[bytes]:
    """Yield a binary COPY of rows (number, vector); `sums` takes each row's own sha256."""
    import numpy as np

    dimension = vectors.shape[1]
    form = np.dtype(
        [
            *(("fields", ">i2"), ("place_size", ">i4"), ("place", ">i8"), ("size", ">i4")),
            *(("dimension", ">i2"), ("unused", ">i2"), ("numbers", ">f4", (dimension,))),
        ]
    )
    yield b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    for start in range(0, len(places), _AT_ONCE):
        some = vectors[places[start : start + _AT_ONCE]]
        rows = np.zeros(len(some), form)
        rows["fields"], rows["place_size"], rows["size"] = 2, 8, 4 + 4 * dimension
        rows["place"] = np.arange(start, start + len(some))
        rows["dimension"], rows["numbers"] = dimension, some
        for row in rows:
            raw = row.tobytes()
            sums.update(hashlib.sha256(raw[6:14] + raw[18:]).digest())
        yield rows.tobytes()
    yield struct.pack(">h", -1)


class _Sent(RawIOBase):
    """An iterator of bytes as a file that is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._left = parts, memoryview(b"")

    def readable(self) -> bool:
        """Tell that it is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; 0 at the end."""
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = memoryview(part)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
