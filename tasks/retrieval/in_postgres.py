"""An index whose vectors are searched in PostgreSQL; chunks and words are those of its folder.

The database names the places among which the nearest are, and nearest.py ranks them by the
vectors in the folder. Needs what `VectorDatabase.publish` wrote. Writes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_contracts.errors import IntegrityError
from tasks.models.encoding import Encodes
from tasks.retrieval.building import Facts
from tasks.retrieval.graph import SEARCH_WIDTH, Members
from tasks.retrieval.index import Index
from tasks.retrieval.nearest import SLACK
from tasks.retrieval.vector_database import SETTING, VectorDatabase
from tasks.retrieval.vector_tables import STEP, table_of, whole

_WIDEST = 1000  # pgvector's largest hnsw.ef_search
_NEAREST = (
    "WITH scored AS MATERIALIZED (SELECT place, embedding <#> %(asked)s::vector AS far "
    "FROM {table}), last AS (SELECT max(far) AS far FROM (SELECT far FROM scored ORDER BY far "
    "LIMIT %(most)s) AS best) SELECT place FROM scored, last WHERE scored.far <= last.far + "
    "%(slack)s"
)
_BY_GRAPH = "SELECT place FROM {table} ORDER BY embedding <#> %(asked)s::vector LIMIT %(most)s"


class Published:
    """The copy of an index in a database, as a search asks it."""

    def __init__(self, database: VectorDatabase, digest: str, facts: Facts, folder: Path) -> None:
        """Connect, and see that the copy is whole; IntegrityError if it is not."""
        self._database, self._table = database, table_of(digest)
        self._members = Members(folder) if facts.nodes else None
        self._connection = database.connected()
        self._connection.autocommit = True
        expected = (facts.nodes or facts.chunks, facts.dimension)
        with database.explained(), self._connection.cursor() as cursor:
            found = whole(cursor, digest)
        if found != expected:
            what = "is not in the database" if found is None else "is there with other vectors"
            raise IntegrityError(
                f"index {digest[:16]} {what}, or what is there was changed",
                step=STEP,
                where=database.shown,
                remedy=f"`paddock index publish --index {digest[:16]}` copies it there; without "
                f"{SETTING} it is searched on this machine",
            )

    def near(self, vector: Any, most: int) -> Any:
        """Return the places of the nearest vectors, as the database finds them."""
        import numpy as np

        asked = {
            "asked": f"[{','.join(f'{number:.9g}' for number in vector)}]",
            "most": most,
            "slack": SLACK,
        }
        with self._database.explained(), self._connection.cursor() as cursor:
            if self._members is None:
                cursor.execute(_NEAREST.format(table=self._table), asked)
            else:
                width = str(min(max(SEARCH_WIDTH, 2 * most), _WIDEST))
                cursor.execute("SELECT set_config('hnsw.ef_search', %s, false)", (width,))
                cursor.execute(_BY_GRAPH.format(table=self._table), asked)
            found = [place for (place,) in cursor.fetchall()]
        if self._members is not None:
            return self._members.places(found)
        return np.array(found, np.int64)


def open_index(
    folder: Path, digest: str, encoder: Encodes, database: VectorDatabase | None
) -> Index:
    """Open an index, whose vectors are searched in the database if there is one."""
    if database is None:
        return Index(folder, encoder)
    return Index(folder, encoder, lambda facts, at: Published(database, digest, facts, at))
