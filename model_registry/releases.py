"""Moves of the champion: a row of the ledger each, and the aliases that follow from the last one.

Needs a Registry with a ledger. Writes rows, the aliases `champion` and `previous`, and the tag
`paddock.ledger` of the registered model.

**The row is the commit point.** The bytes a row names are stored, verified, as a version of their
own before the row is written: until then they harm nobody, for nothing serves a version that the
ledger does not name. The other order, row first, would have a state in which the ledger names
bytes that are not there, and somebody would have to take the row back. The aliases come after the
row and say nothing of their own: whoever sets them reads the last row again afterwards, so that of
any number of processes that do, the last to finish leaves what the last row says. One that dies
between row and alias leaves the aliases behind, which the next release or `reconcile` mends.

The tag says how far the aliases were brought, and with which row: a ledger that was put back to an
earlier state, or is another one, is found by it.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from model_registry.ledger.book import LostRaceError
from model_registry.ledger.rows import Action, Approver, Row, Served, next_row
from model_registry.older_releases import older_rows
from model_registry.tracking import Registry
from model_registry.versions import (
    CHAMPION,
    PREVIOUS,
    Version,
    has_model,
    point,
    tag_model,
    tag_version,
    untag_version,
    version_numbered,
)

LEDGER_TAG = "paddock.ledger"
# What a version bears that was left, by the move that left it; what serves bears neither.
LEFT_TAGS: Mapping[Action, str] = {
    "rollback": "paddock.rolled_back",
    "out of service": "paddock.out_of_service",
}


class Release(Frozen):
    """A move of the champion. `moved` is False if there was nothing to do; `reason` says why.

    `version` is 0 where nothing serves after it, `before` the version that served before it; `row`
    is its number in the ledger.
    """

    action: Action
    name: str
    version: int
    before: int | None
    digest: str
    moved: bool
    reason: str
    row: int = 0


class Seen(NamedTuple):
    """How far the aliases were brought: the row's number (0: none ever was) and its hash."""

    row: int
    hash: str


def read_rows(registry: Registry, name: str) -> tuple[Row, ...]:
    """Return a model's rows: the ledger's, or those that releases of before are going to be in it.

    IntegrityError where a row is not as it was written.
    """
    return registry.ledger.rows(name) or older_rows(registry, name)


def import_older(registry: Registry, name: str) -> None:
    """Write the releases that an earlier build recorded into the ledger, unless it has rows."""
    if registry.ledger.rows(name):
        return
    if rows := older_rows(registry, name):
        with suppress(LostRaceError):  # somebody else imported them meanwhile
            registry.ledger.append(*rows)


def append(
    registry: Registry,
    name: str,
    last: Row | None,
    action: Action,
    serves: Served | None,
    *,
    previous: int | None,
    reason: str,
    people: Sequence[Approver] = (),
) -> Row:
    """Write the row that follows `last`; LostRaceError, and nothing moved, if another one does."""
    row = next_row(
        last,
        name=name,
        action=action,
        serves=serves,
        previous=previous,
        people=tuple(people),
        reason=reason,
        by=_who_acts(registry),
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    registry.ledger.append(row)
    return row


def project(registry: Registry, name: str) -> Row | None:
    """Point the aliases where the last row says, and return it; the same again changes nothing.

    ContractError where the version that it names does not stand.
    """
    while rows := registry.ledger.rows(name):
        last = rows[-1]
        if has_nowhere(registry, last):
            return last
        champion = standing_version(registry, last)
        if last.serves is not None and champion is None:
            raise ContractError(
                f"the last row of the ledger made version {last.version} champion, and that "
                "version is gone or changed",
                step="release",
                where=name,
                remedy="`paddock show` says what puts it right",
            )
        previous = goal_of(rows)
        back = standing_version(registry, previous) if previous else None
        point(registry, name, PREVIOUS, back.version if back else None)
        point(registry, name, CHAMPION, champion.version if champion else None)
        _tag_what_was_left(registry, rows, champion)
        tag_model(registry, name, LEDGER_TAG, f"{last.sequence} {last.hash}")
        if registry.ledger.rows(name)[-1] == last:
            return last
    return None


def has_nowhere(registry: Registry, last: Row) -> bool:
    """Tell whether a row has no alias to set: nothing serves, and the registered model is gone."""
    return last.serves is None and not has_model(registry, last.name)


def goal_of(rows: Sequence[Row]) -> Row | None:
    """Return the row whose champion a rollback goes to, or None."""
    number = rows[-1].previous if rows else None
    return rows[number - 1] if number else None


def standing_version(registry: Registry, row: Row) -> Version | None:
    """Return the version a row left serving, if it stands as it was: its number, digest and run."""
    serves = row.serves
    found = version_numbered(registry, row.name, serves.version) if serves else None
    if found is None or serves is None or (found.digest, found.run) != (serves.digest, serves.run):
        return None
    return found


def seen_row(tag: str, rows: Sequence[Row]) -> Seen:
    """Return how far the aliases were brought, by the registered model's tag.

    Where it is empty: as far as an earlier build did, whose releases were imported.
    """
    number, _, hash_ = tag.partition(" ")
    if number.isdigit():
        return Seen(int(number), hash_)
    imported = [row for row in rows if row.action == "imported"]
    return Seen(imported[-1].sequence, imported[-1].hash) if imported else Seen(0, "")


def serving_since(registry: Registry, version: Version) -> datetime | None:
    """Return when a version's digest began to serve, the last time it did; None if it never did."""
    for row in reversed(read_rows(registry, version.name)):
        if row.digest == version.digest:
            return datetime.fromisoformat(row.at)
    return None


def release_of(rows: Sequence[Row], row: Row, *, reason: str = "") -> Release:
    """Return a row as the move that it was."""
    before = rows[row.sequence - 2] if row.sequence > 1 else None
    return Release(
        action=row.action,
        name=row.name,
        version=row.version or 0,
        before=before.version if before else None,
        digest=row.digest or "",
        moved=True,
        reason=reason or row.reason,
        row=row.sequence,
    )


def _tag_what_was_left(registry: Registry, rows: Sequence[Row], champion: Version | None) -> None:
    """Say of a version that was left why it was, where people look at versions."""
    last = rows[-1]
    left = standing_version(registry, rows[-2]) if len(rows) > 1 else None
    tag = LEFT_TAGS.get(last.action)
    if tag and left and left.tags.get(tag) != last.reason:
        tag_version(registry, last.name, left.version, {tag: last.reason})
    for old in LEFT_TAGS.values():
        if champion and old in champion.tags:
            untag_version(registry, last.name, champion.version, old)


def _who_acts(registry: Registry) -> str:
    """Return the login at MLflow, else the user of the operating system and the machine."""
    if registry.account:
        return registry.account
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without a name, as in some containers
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
