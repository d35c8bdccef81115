"""Databases for ledgers and servers, for the tests of several rooms: SQLite, PostgreSQL if it runs.

PADDOCK_TEST_POSTGRES is the address of a PostgreSQL server on which databases may be made.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

KINDS = ("sqlite", "postgresql")
_SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"


@contextmanager
def ledger_database(kind: str, folder: Path) -> Generator[str]:
    """Give the address of a database without a ledger in it, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/ledger.db"
        return
    with made_database() as address:
        yield address


@contextmanager
def made_database(like: str = "") -> Generator[str]:
    """Give the address of a PostgreSQL database, empty or as another is, gone afterwards."""
    name = f"paddock_{uuid.uuid4().hex}"
    try:
        copy_database(like, name)
    except OperationalError:
        pytest.skip("no PostgreSQL answers: set PADDOCK_TEST_POSTGRES")
    try:
        yield _address(name)
    finally:
        drop_database(name)


def copy_database(like: str, name: str) -> None:
    """Make a PostgreSQL database of a name, with all that the one at an address holds, if any.

    Whoever was connected to that one is cut off.
    """
    other = make_url(like).database if like else "template1"
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{other}'"
    execute(_address(), *([cut] if like else []), f"CREATE DATABASE {name} TEMPLATE {other}")


def drop_database(name: str) -> None:
    """Take a PostgreSQL database away, whoever is connected to it."""
    execute(_address(), f"DROP DATABASE {name} WITH (FORCE)")


def postgres_answers() -> bool:
    """Tell whether there is a PostgreSQL server to make databases on."""
    try:
        execute(_address(), "SELECT 1")
    except OperationalError:
        return False
    return True


def _address(database: str = "") -> str:
    server = make_url(os.environ.get("PADDOCK_TEST_POSTGRES", _SERVER))
    if database:
        server = server.set(database=database)
    return server.render_as_string(hide_password=False)


def execute(address: str, *statements: str, guarded: bool = True) -> None:
    """Run statements on a database, as somebody who has its password.

    Not `guarded`: as somebody who takes the ledger's triggers away before.
    """
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    drops = _DROPS[engine.dialect.name] if not guarded else ()
    with engine.connect() as connection:
        for statement in (*drops, *statements):
            connection.execute(text(statement))


_DROPS = {
    "sqlite": [f"DROP TRIGGER IF EXISTS release_ledger_no_{verb}" for verb in ("update", "delete")],
    "postgresql": [
        f"DROP TRIGGER IF EXISTS release_ledger_{name} ON release_ledger"
        for name in ("rows", "whole")
    ],
}
