"""Moves the champion: promotes a candidate that people approved, and takes it back.

Needs the candidate's dossier, people's decision and the keys. Writes a version of `<name>` with
bytes of its own; the aliases and the record of the move are in releases.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from data_contracts.digests import folder_digest
from data_contracts.errors import ContractError, IntegrityError, PaddockError
from data_contracts.records import Frozen
from model_registry.approvals import SEATS, Decision, read_decision
from model_registry.candidates import (
    FILES,
    Candidate,
    find_candidate,
    list_candidates,
    upload_files,
    verify_files,
)
from model_registry.dossier import PASSED, VERDICT_TAG, Dossier, read_dossier
from model_registry.releases import (
    Release,
    finish_release,
    open_release,
    unfinished_release,
)
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from model_registry.versions import (
    CHAMPION,
    PREVIOUS,
    Version,
    ensure_model,
    ensure_version,
    find_version,
    version_at,
)

STEP = "promote"


class Poll(Frozen):
    """What a look at the candidates did: the release (if any), and why others were passed over."""

    release: Release | None
    passed_over: dict[int, str]


def promote(
    registry: Registry,
    name: str,
    version: int,
    keys: SigningKeys,
    *,
    seats: Sequence[str] = SEATS,
    now: datetime | None = None,
) -> Release:
    """Make a candidate the champion; if it is already, say so.

    ContractError if its gates, people, the time or the champion of today say no; IntegrityError if
    its bytes, signature or dossier are not what was approved.
    """
    candidate = find_candidate(registry, name, version)
    champion = version_at(registry, name, CHAMPION)
    release = unfinished_release(registry, name, "promote", candidate.digest)
    if champion is not None and champion.digest == candidate.digest and release is None:
        return _standing(champion)
    dossier = read_dossier(registry, candidate, keys)
    decision = read_decision(registry, name, dossier, seats=seats)
    if release is None:
        _refuse(candidate, dossier, decision, champion, now or datetime.now(UTC))
        before = champion.version if champion else None
        reason = f"approved by {', '.join(seat.person for seat in decision.seats)}"
        release = open_release(registry, name, "promote", candidate.digest, before, reason)
    released = _copy(registry, name, candidate, dossier, release.run, keys)
    evidence = {"dossier": dossier.identity, "decision": decision.model_dump()}
    return finish_release(registry, release, released, evidence)


def promote_approved(
    registry: Registry, name: str, keys: SigningKeys, *, seats: Sequence[str] = SEATS
) -> Poll:
    """Promote the newest candidate that people approved, unless one as new served already."""
    passed_over: dict[int, str] = {}
    for candidate in list_candidates(registry, name):
        begun = unfinished_release(registry, name, "promote", candidate.digest)
        if begun is None and find_version(registry, name, candidate.digest) is not None:
            break  # Whatever is older than one that served is out of date.
        if candidate.tags.get(VERDICT_TAG) != PASSED:
            continue
        try:
            release = promote(registry, name, candidate.version, keys, seats=seats)
            return Poll(release=release, passed_over=passed_over)
        except (ContractError, IntegrityError) as refusal:
            passed_over[candidate.version] = refusal.what
    return Poll(release=None, passed_over=passed_over)


def rollback(registry: Registry, name: str, reason: str, keys: SigningKeys) -> Release:
    """Make the previous champion the champion again; `previous` is then empty.

    So a rollback sent twice by mistake goes back once: the second is a ContractError.
    """
    release = unfinished_release(registry, name, "rollback")
    if release is None:
        champion = version_at(registry, name, CHAMPION)
        previous = version_at(registry, name, PREVIOUS)
        if champion is None or previous is None:
            raise ContractError(
                "there is no previous champion to go back to",
                step="rollback",
                where=name,
                remedy="paddock show lists the versions; promote another candidate",
            )
        release = open_release(
            registry, name, "rollback", previous.digest, champion.version, reason
        )
    target = find_version(registry, name, release.digest)
    if target is None:
        raise IntegrityError(
            "the previous champion is gone",
            step="rollback",
            where=name,
            remedy="restore the registry from a backup",
        )
    _verify(registry, target, keys)
    return finish_release(registry, release, target, {})


def _refuse(
    candidate: Candidate,
    dossier: Dossier,
    decision: Decision,
    champion: Version | None,
    now: datetime,
) -> None:
    """Raise unless everything that must say yes says yes, now."""
    compared = dossier.champion.digest if dossier.champion else None
    again = "evaluate the candidate again and ask people again"
    refusals = {
        "its gates refused it": (not dossier.verdict.passed, "train a better candidate"),
        f"people have not approved it ({decision.reason})": (
            decision.state != "approved",
            "answer its item in MLflow's Review tab",
        ),
        f"its evidence expired on {dossier.expires}": (dossier.expired(now), again),
        "the champion is not the one it was compared with": (
            compared != (champion.digest if champion else None),
            again,
        ),
    }
    for what, (refused, remedy) in refusals.items():
        if refused:
            where = f"{candidate.name} version {candidate.version}"
            raise ContractError(what, step=STEP, where=where, remedy=remedy)


def _copy(
    registry: Registry,
    name: str,
    candidate: Candidate,
    dossier: Dossier,
    run: str,
    keys: SigningKeys,
) -> Version:
    """Verify a private copy of the candidate and store it as the release's own bytes."""
    found = find_version(registry, name, candidate.digest)
    if found is not None:
        if _verify(registry, found, keys) != dossier.files_digest:
            raise _altered(found.name, found.version)
        return found
    with registry.downloaded(candidate.uri) as files:
        verify_files(registry, candidate.run, files, keys)
        if folder_digest(files) != dossier.files_digest or candidate.digest != dossier.digest:
            raise _altered(candidate.name, candidate.version)
        upload_files(registry, run, files, keys)
    ensure_model(registry, name, f"{name}: the versions that people approved.")
    tags = {
        **{key: value for key, value in candidate.tags.items() if key.startswith("paddock.")},
        "paddock.candidate_version": str(candidate.version),
    }
    text = f"Candidate version {candidate.version}, dossier `{dossier.identity}`."
    return ensure_version(registry, name, run, FILES, tags, text)


def _verify(registry: Registry, version: Version, keys: SigningKeys) -> str:
    """Return the digest of a version's files, once their signature was seen to hold."""
    with registry.downloaded(version.uri) as files:
        verify_files(registry, version.run, files, keys)
        return folder_digest(files)


def _altered(name: str, version: int) -> PaddockError:
    return IntegrityError(
        "the files are not the ones that were approved",
        step=STEP,
        where=f"{name} version {version}",
        remedy="register and evaluate the model again, and ask who changed the registry",
    )


def _standing(champion: Version) -> Release:
    return Release(
        action="promote",
        name=champion.name,
        version=champion.version,
        before=champion.version,
        digest=champion.digest,
        moved=False,
        reason="it is the champion already",
    )
