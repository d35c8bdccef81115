"""The ledger's table in SQLite or PostgreSQL: rows are put behind the last one, and read.

Needs an SQLAlchemy address. Writes the table `release_ledger`, made with the first row. The key
(name, sequence) is the compare-and-swap: of any number of writers that follow the same row, the
database lets one in. There is no statement here that changes or deletes a row, and triggers refuse
both to everybody else.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from data_contracts.errors import ContractError, InputError, PaddockError
from model_registry.ledger.rows import STEP, Approver, Row, Served, broken, require_chain

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

TABLE = "release_ledger"
WAIT = 60  # seconds that a writer of SQLite waits for another
_FILE = "sqlite:///"
_SERVED = tuple(Served.model_fields)
_LOCK = 0x7061_6464  # of PostgreSQL's advisory locks: one makes the table, the others wait
_REFUSED = "the release ledger is append-only"
_GUARDS = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{verb.lower()} BEFORE {verb} ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$",
        f"CREATE TRIGGER {TABLE}_rows BEFORE UPDATE OR DELETE ON {TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()",
        f"CREATE TRIGGER {TABLE}_whole BEFORE TRUNCATE ON {TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_refuse()",
    ],
}


class LostRaceError(ContractError):
    """Another release was written behind the row that this one was to follow; nothing moved."""


class Ledger:
    """The rows of every model, at `sqlite:///PATH` or `postgresql://…`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._there = False

    def names(self) -> list[str]:
        """Return the models that have rows, sorted."""
        from sqlalchemy import select

        with self._reading() as connection:
            if connection is None:
                return []
            name = self._table.c.name
            return list(connection.scalars(select(name).distinct().order_by(name)))

    def rows(self, name: str) -> tuple[Row, ...]:
        """Return a model's rows in their order; IntegrityError names one that is not as written."""
        from sqlalchemy import select

        with self._reading() as connection:
            if connection is None:
                return ()
            columns = self._table.c
            query = select(self._table).where(columns.name == name).order_by(columns.sequence)
            rows = tuple(_row(dict(found)) for found in connection.execute(query).mappings())
        require_chain(name, rows)
        return rows

    def append(self, *rows: Row) -> None:
        """Write rows, all or none; LostRaceError if others stand where they were to stand."""
        from sqlalchemy import exc, insert

        try:
            with self._writing() as connection:
                connection.execute(insert(self._table), [_columns(row) for row in rows])
        except exc.IntegrityError as error:
            raise self._lost(rows[0]) from error

    def _lost(self, row: Row) -> LostRaceError:
        winner = next(
            (one for one in self.rows(row.name) if one.sequence == row.sequence),
            None,
        )
        went = f" ({winner.action} by {winner.by})" if winner else ""
        return LostRaceError(
            f"another release went first{went}: nothing was moved",
            step="release",
            where=f"{row.name}, row {row.sequence} of the ledger",
            remedy="see what `paddock show` says now; run again if it is not what should be",
        )

    @contextmanager
    def _reading(self) -> Generator[Connection | None]:
        """Give a connection, or None where no row was ever written."""
        with self._explained():
            if not self._exists():
                yield None
                return
            with self._engine.connect() as connection:
                yield connection

    @contextmanager
    def _writing(self) -> Generator[Connection]:
        with self._explained():
            self._make()
            with self._engine.begin() as connection:
                yield connection

    def _exists(self) -> bool:
        """Tell whether the table is there; a database that is not is not made by looking."""
        if not self._there and (self._file is None or self._file.exists()):
            from sqlalchemy import inspect

            self._there = inspect(self._engine).has_table(TABLE)
        return self._there

    def _make(self) -> None:
        if self._exists():
            return
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        from sqlalchemy import exc, text

        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # Stays with the file: readers go on while somebody writes.
                with suppress(exc.OperationalError):
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            if not connection.dialect.has_table(connection, TABLE):
                self._table.create(connection)
                for guard in _GUARDS.get(connection.dialect.name, []):
                    connection.exec_driver_sql(guard)
            connection.commit()
        self._there = True

    @cached_property
    def _file(self) -> Path | None:
        return Path(self._address.removeprefix(_FILE)) if self._address.startswith(_FILE) else None

    @cached_property
    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
        from sqlalchemy.pool import NullPool

        address = self._address.replace("postgres://", "postgresql://", 1)
        options: dict[str, Any] = {"connect_args": {"timeout": WAIT}} if self._file else {}
        try:
            return create_engine(address, poolclass=NullPool, **options)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise InputError(
                f"the ledger's address cannot be used ({type(error).__name__})",
                step=STEP,
                where=self.shown,
                remedy="give PADDOCK_LEDGER as sqlite:///PATH or postgresql://USER@HOST/DATABASE",
            ) from None

    @cached_property
    def _table(self) -> Table:
        from sqlalchemy import Column, Integer, MetaData, String, Table, Text

        return Table(
            TABLE,
            MetaData(),
            Column("name", String(256), primary_key=True),
            Column("sequence", Integer, primary_key=True, autoincrement=False),
            Column("action", String(32), nullable=False),
            Column("version", Integer),
            Column("run", Text),
            Column("digest", Text),
            Column("files_digest", Text),
            Column("candidate", Integer),
            Column("dossier", Text),
            Column("previous", Integer),
            Column("people", Text, nullable=False),
            Column("reason", Text, nullable=False),
            Column("acted_by", Text, nullable=False),
            Column("at", String(40), nullable=False),
            Column("before", String(64), nullable=False),
            Column("hash", String(64), nullable=False),
        )

    @property
    def shown(self) -> str:
        """Return the address without what is secret in it."""
        scheme, slashes, rest = self._address.partition("://")
        return f"{scheme}{slashes}{rest.rpartition('@')[2].partition('?')[0]}"

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Say of a database that does not answer where it is and what to do."""
        from sqlalchemy import exc

        try:
            yield
        except exc.IntegrityError:
            raise
        except exc.SQLAlchemyError as error:
            self._there = False
            locked = "locked" in str(error)
            busy = f"was kept by another process for {WAIT} s" if locked else "does not answer"
            raise PaddockError(
                f"the release ledger {busy} ({type(getattr(error, 'orig', error)).__name__})",
                step=STEP,
                where=self.shown,
                remedy="see that the database runs and lets this account in, then run again: a "
                "release that was begun is finished or leaves nothing",
            ) from None


def ledger_beside(database: str) -> Ledger | None:
    """Return the ledger in the folder of an SQLite database, as in a home; None of another."""
    if not database.startswith(_FILE):
        return None
    return Ledger(f"{_FILE}{Path(database.removeprefix(_FILE)).with_name('ledger.db')}")


def _columns(row: Row) -> dict[str, Any]:
    facts = row.model_dump(mode="json", exclude={"serves", "people", "by"})
    served = row.serves.model_dump() if row.serves else dict.fromkeys(_SERVED)
    people = json.dumps([one.model_dump() for one in row.people], ensure_ascii=False)
    return {**facts, **served, "people": people, "acted_by": row.by}


def _row(found: dict[str, Any]) -> Row:
    """Return a row of the table; IntegrityError if it is none."""
    name, sequence = str(found["name"]), int(found["sequence"])
    served = {field: found.pop(field) for field in _SERVED}
    with suppress(ValidationError, ValueError, TypeError):
        people = tuple(Approver.model_validate(one) for one in json.loads(found.pop("people")))
        serves = None if set(served.values()) == {None} else Served.model_validate(served)
        by = found.pop("acted_by")
        return Row.model_validate({**found, "serves": serves, "people": people, "by": by})
    raise broken(name, sequence, "was changed")
