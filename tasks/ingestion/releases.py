"""Rows that a person let out of quarantine: recorded for good, and kept by the next ingestion.

A release names a row by its id (the digest of its redacted content), so it holds for the same
content wherever it stands, and for nothing else. Writes `quarantine-releases/<id>.json`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from tasks.storage.objects import ObjectStore

FOLDER = "quarantine-releases"
STEP = "quarantine"


class Release(Frozen):
    """One release: which row, why it was held, who let it go, why and when."""

    row: str = Field(pattern="^[0-9a-f]{64}$")
    source: str
    line: int
    held_for: str
    person: str = Field(min_length=1)
    reason: str = Field(min_length=3)
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def release_row(store: ObjectStore, release: Release) -> None:
    """Record a release; InputError if that row was released before."""
    data = release.model_dump_json(indent=1).encode()
    if not store.write(_key(release.row), data, only_if_absent=True):
        earlier = Release.model_validate_json(store.read(_key(release.row)))
        raise InputError(
            f"this row was released before, by {earlier.person} at {earlier.at}",
            step=STEP,
            where=f"{release.source}, line {release.line}",
            remedy="run ingestion again: it is kept then",
        )


def released_rows(store: ObjectStore) -> frozenset[str]:
    """Return the ids of every released row."""
    names = (key.rpartition("/")[2] for key in store.keys(FOLDER))
    return frozenset(name.removesuffix(".json") for name in names)


def _key(row: str) -> str:
    return f"{FOLDER}/{row}.json"
