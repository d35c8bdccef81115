"""A row of the release ledger, and the chain of hashes that holds the rows of a model together.

Needs nothing; writes nothing. A row's `hash` is the sha256 of the canonical JSON of all its other
fields, among them `before`, the hash of the row before it. So a row that was changed, taken out or
put in is found when the rows are read. Rows are ordered by `sequence`; `at` is what a clock said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from data_contracts.digests import canonical_json
from data_contracts.errors import IntegrityError
from data_contracts.records import Frozen

STEP = "ledger"
# What a person calls a released model by: NAME@champion, NAME@previous or NAME/VERSION.
ADDRESS = r"^[a-z0-9][a-z0-9_.-]{0,62}(@(champion|previous)|/[1-9][0-9]*)$"
Action = Literal["promote", "rollback", "put back", "imported", "out of service"]


class Approver(Frozen):
    """Who said yes in a seat, when (UTC, ISO 8601) and in which words."""

    seat: str
    person: str
    at: str
    reason: str


class Served(Frozen):
    """What serves: a version of the registered model, the run that keeps its bytes, its digests.

    `digest` is the identity that candidate and version share, `files_digest` is over the bytes.
    `candidate` is the candidate's version number, `dossier` the identity of the evidence.
    """

    version: int
    run: str
    digest: str
    files_digest: str
    candidate: int | None
    dossier: str


class Row(Frozen):
    """One move of the champion.

    `serves` is what it left serving, None where nothing does. `previous` is the sequence number
    of the row whose champion a rollback goes to. `by` is who acted: the login at MLflow, else the
    user of the operating system and the machine.
    """

    name: str
    sequence: int = Field(ge=1)
    action: Action
    serves: Served | None
    previous: int | None
    people: tuple[Approver, ...]
    reason: str
    by: str
    at: str
    before: str
    hash: str

    @property
    def digest(self) -> str | None:
        """Return the identity of what it left serving."""
        return self.serves.digest if self.serves else None

    @property
    def version(self) -> int | None:
        """Return the version it left serving."""
        return self.serves.version if self.serves else None

    def computed_hash(self) -> str:
        """Return the hash that the other fields give."""
        return _hash(self.model_dump(mode="json", exclude={"hash"}))


def next_row(last: Row | None, **facts: Any) -> Row:
    """Return the row that follows `last`, given every fact but its place in the chain."""
    draft = Row(
        sequence=last.sequence + 1 if last else 1,
        before=last.hash if last else "",
        hash="",
        **facts,
    )
    return draft.model_copy(update={"hash": draft.computed_hash()})


def require_chain(name: str, rows: Sequence[Row]) -> None:
    """Return if these are all rows of a model, as they were written; IntegrityError names one."""
    last: Row | None = None
    for row in rows:
        due = last.sequence + 1 if last else 1
        if row.name != name or row.hash != row.computed_hash():
            raise broken(name, row.sequence, "was changed")
        if row.sequence != due:
            raise broken(name, due, "is missing")
        if row.before != (last.hash if last else ""):
            raise broken(name, row.sequence, "does not follow the one before it: it was put in")
        last = row


def broken(name: str, sequence: int, what: str) -> IntegrityError:
    """Return the error for a row that is not what was written."""
    return IntegrityError(
        f"row {sequence} of {name} {what}",
        step=STEP,
        where=f"ledger of {name}",
        remedy="restore the ledger from a backup, and ask who may write to its database",
    )


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(facts)).hexdigest()
