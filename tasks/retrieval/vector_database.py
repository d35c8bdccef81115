"""A team's own PostgreSQL with pgvector: copies of indexes' vectors published, listed, withdrawn.

An index stays what its folder holds. What stands in the database is a copy of its vectors, in a
table of its own by the index's digest (vector_tables.py), and a row of `paddock_indexes` for each
store that published it. Needs psycopg2 and an address, which no error shows.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data_contracts.errors import ContractError, InputError, PaddockError
from tasks.retrieval.index import read_facts
from tasks.retrieval.vector_tables import (
    LIST,
    MADE,
    STEP,
    copy_vectors,
    exists,
    summed,
    table_of,
    whole,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection

SETTING = "PADDOCK_VECTORS"
_LOCK = 0x7061_6476  # of PostgreSQL's advisory locks: one publishes or withdraws, the others wait
_SECONDS = 10  # until a server that says nothing counts as away


class Copy(NamedTuple):
    """An index that a store published: so many vectors of so many numbers."""

    digest: str
    rows: int
    dimension: int


class VectorDatabase:
    """A PostgreSQL database with the extension vector, at `postgresql://…`."""

    def __init__(self, address: str) -> None:
        """Take an address; InputError if it is none of PostgreSQL's."""
        from psycopg2 import ProgrammingError
        from psycopg2.extensions import parse_dsn

        try:
            if not address.startswith(("postgresql://", "postgres://")):
                raise ProgrammingError
            self._given: dict[str, Any] = {"connect_timeout": _SECONDS, **parse_dsn(address)}
            # Of an address with a bare @ or / in its password a part is taken for something else.
            misread = "@" in self.shown or self._given.get("port", "0").strip("0123456789,")
            if misread:
                raise ProgrammingError
        except ProgrammingError:  # whose words hold parts of the address
            raise InputError(
                "this is no address of a PostgreSQL database",
                step=STEP,
                where=SETTING,
                remedy="write postgresql://USER:PASSWORD@HOST/DATABASE, in a password %40 for @ "
                "and %2F for /",
            ) from None

    def __repr__(self) -> str:
        return f"VectorDatabase({self.shown})"

    @property
    def shown(self) -> str:
        """Return where it is, without who asks or anything secret."""
        host, port = self._given.get("host", "localhost"), self._given.get("port", "5432")
        return f"postgresql://{host}:{port}/{self._given.get('dbname', '')}"

    def copies(self, store: str) -> list[Copy]:
        """Return the indexes that a store published, the oldest first.

        ContractError where the server has no pgvector.
        """
        with self._asking() as cursor:
            self._lacks_extension(cursor)
            if not exists(cursor, LIST):
                return []
            cursor.execute(
                "SELECT digest, rows, dimension FROM paddock_indexes WHERE store = %s "
                "ORDER BY published_at, digest",
                (store,),
            )
            return [Copy(*row) for row in cursor.fetchall()]

    def publish(self, digest: str, folder: Path, store: str) -> bool:
        """Copy an index's vectors, all or none; return whether they were not there yet.

        A copy that is not as it was written is made anew. ContractError where the server has no
        pgvector, or its graph loses vectors.
        """
        facts = read_facts(folder)
        with self._asking() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if self._lacks_extension(cursor):
                cursor.execute("CREATE EXTENSION vector")
            cursor.execute(MADE)
            new = whole(cursor, digest) is None
            if new:
                cursor.execute(f"DROP TABLE IF EXISTS {table_of(digest)}")
                copy_vectors(cursor, digest, folder, facts)
            rows, content = summed(cursor, digest)
            cursor.execute(
                "DELETE FROM paddock_indexes WHERE digest = %s AND store = %s", (digest, store)
            )
            cursor.execute(
                "INSERT INTO paddock_indexes (digest, store, rows, dimension, content) "
                "VALUES (%s, %s, %s, %s, %s)",
                (digest, store, rows, facts.dimension, content),
            )
            if new:  # other stores' rows tell of the same bytes
                cursor.execute(
                    "UPDATE paddock_indexes SET rows = %s, content = %s WHERE digest = %s",
                    (rows, content, digest),
                )
        return new

    def withdraw(self, digest: str, store: str) -> bool:
        """Take a store's copy away, its table with the last store's; return if there was one."""
        with self._asking() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if not exists(cursor, LIST):
                return False
            cursor.execute(
                "DELETE FROM paddock_indexes WHERE digest = %s AND store = %s", (digest, store)
            )
            gone = cursor.rowcount > 0
            cursor.execute("SELECT count(*) FROM paddock_indexes WHERE digest = %s", (digest,))
            if cursor.fetchone() == (0,):
                cursor.execute(f"DROP TABLE IF EXISTS {table_of(digest)}")
        return gone

    def connected(self) -> connection:
        """Return a connection; PaddockError if the server does not let this account in."""
        import psycopg2

        with self.explained():
            return psycopg2.connect(**self._given)

    @contextmanager
    def explained(self) -> Generator[None]:
        """Say of a database that fails where it is; its own words may quote what is secret."""
        import psycopg2

        try:
            yield
        except psycopg2.Error as error:
            code = f", {error.pgcode}" if error.pgcode else ""
            raise PaddockError(
                f"the database of vectors does not do what is asked ({type(error).__name__}{code})",
                step=STEP,
                where=self.shown,
                remedy=f"see that it runs, that the address in {SETTING} is right and that the "
                "account may make tables there, then run again: nothing was left half done",
            ) from None

    @contextmanager
    def _asking(self) -> Generator[Any]:
        """Give a cursor within a transaction."""
        with closing(self.connected()) as opened, self.explained(), opened, opened.cursor() as one:
            yield one

    def _lacks_extension(self, cursor: Any) -> bool:
        """Tell whether pgvector is yet to be created here; ContractError where it cannot be."""
        cursor.execute(
            "SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'"
        )
        found = cursor.fetchone()
        if found is None:
            raise ContractError(
                "this PostgreSQL has no extension vector",
                step=STEP,
                where=self.shown,
                remedy=f"install pgvector on the server, or name another in {SETTING}",
            )
        return found == (None,)
