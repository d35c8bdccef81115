"""The one way to load a model for serving: verified bytes of what the ledger names, in a folder.

A candidate that people approved may be loaded too, to stand beside the champion in a canary.

Needs a registry with its ledger, and the public key. Writes the folder, which appears under its
name only when every byte in it was seen to be what was released.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import ContractError, InputError
from data_contracts.records import Frozen
from model_registry.approvals import read_decision
from model_registry.candidates import FILES, Candidate, find_candidate
from model_registry.contents import read_contents
from model_registry.copies import altered, copy_verified
from model_registry.dossier import read_dossier
from model_registry.ledger.rows import ADDRESS, Row, Served
from model_registry.refusing import require_yes
from model_registry.releases import goal_of
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing, whole_rows
from model_registry.tracking import Registry
from model_registry.versions import CHAMPION, Version

STEP = "fetch"


class Fetched(Frozen):
    """What lies in a folder now: a version, the row of the ledger that made it serve, its digest.

    `again` tells that it was there already, byte for byte.
    """

    name: str
    version: int
    row: int
    digest: str
    folder: str
    again: bool


def fetch(registry: Registry, address: str, folder: Path, keys: SigningKeys) -> Fetched:
    """Put the files of what an address names into a folder that is not there, or is empty.

    The address is resolved by the ledger; what aliases and tags in MLflow say is not asked.
    A folder that holds these very bytes is left as it is. ContractError if no release made what is
    named a champion; InputError if the folder holds something else; IntegrityError if the bytes
    are not what was released.
    """
    row, serves = resolve(registry, address)
    fetched = Fetched(
        name=row.name,
        version=serves.version,
        row=row.sequence,
        digest=serves.digest,
        folder=str(folder),
        again=False,
    )
    if _holds(folder, serves):
        return fetched.model_copy(update={"again": True})
    copy_verified(registry, _as_version(registry, row.name, serves), keys, folder.absolute())
    return fetched


def require_approved(
    registry: Registry, name: str, version: int, keys: SigningKeys, now: datetime | None = None
) -> Candidate:
    """Return a candidate that gates and people let go on, now; else as `promote` refuses it."""
    candidate = find_candidate(registry, name, version)
    dossier = read_dossier(registry, candidate, keys)
    standing = read_standing(registry, name)
    decision = read_decision(registry, name, dossier)
    require_yes(candidate, dossier, decision, standing, now or datetime.now(UTC))
    return candidate


def fetch_approved(
    registry: Registry, candidate: Candidate, folder: Path, keys: SigningKeys
) -> None:
    """Put the files of an approved candidate into a folder that is not there, or is empty.

    IntegrityError unless they are signed, and those that its dossier is about.
    """
    dossier = read_dossier(registry, candidate, keys)
    copy_verified(
        registry,
        Version(
            name=candidate.name,
            version=candidate.version,
            run=candidate.run,
            digest=candidate.digest,
            uri=candidate.uri,
        ),
        keys,
        folder.absolute(),
    )
    if read_contents(folder).digest != dossier.files_digest:
        shutil.rmtree(folder, ignore_errors=True)
        raise altered(candidate.name, candidate.version)


def resolve(registry: Registry, address: str) -> tuple[Row, Served]:
    """Return the row that an address means, and what it left serving; ContractError if none."""
    if not re.fullmatch(ADDRESS, address):
        raise InputError(
            "this names no released model",
            step=STEP,
            where=address,
            remedy="write NAME@champion, NAME@previous or NAME/VERSION",
        )
    name, sign, which = re.split("([@/])", address, maxsplit=1)
    rows = whole_rows(registry, name, STEP)
    if sign == "/":
        found = next((row for row in reversed(rows) if row.version == int(which)), None)
    elif which == CHAMPION:
        found = rows[-1] if rows else None
    else:
        found = goal_of(rows)
    if found is None or found.serves is None:
        retired = found is not None and which == CHAMPION
        raise ContractError(
            f"nothing serves: it was taken out of service ({found.reason})"
            if found and retired
            else "no release made it one that serves",
            step=STEP,
            where=address,
            remedy=f"`paddock history --name {name}` lists what served; `paddock promote` lets "
            "what people approved serve",
        )
    return found, found.serves


def _as_version(registry: Registry, name: str, serves: Served) -> Version:
    """Return where the bytes of a row lie, by the run that keeps them."""
    return Version(
        name=name,
        version=serves.version,
        run=serves.run,
        digest=serves.digest,
        uri=registry.artifact_uri(serves.run, FILES),
    )


def _holds(folder: Path, serves: Served) -> bool:
    """Tell whether a folder holds exactly the bytes; InputError if it holds anything else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if folder.is_dir() and read_contents(folder).digest == serves.files_digest:
        return True
    raise InputError(
        "there is something else at that place",
        step=STEP,
        where=str(folder),
        remedy="name a folder that is not there, or take away what is in it",
    )
