"""Moves the champion: promotes a candidate that people approved, and takes it back.

Needs the candidate's dossier, people's decision and the keys. Writes a version of `<name>` with
bytes of its own; the aliases and the record of the move are in releases.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.approvals import SEATS, Decision, read_decision
from model_registry.candidates import Candidate, find_candidate, list_candidates
from model_registry.claims import Turn
from model_registry.copies import copy_candidate, verify_version
from model_registry.dossier import PASSED, VERDICT_TAG, Dossier, read_dossier
from model_registry.next_release import next_turn, settle
from model_registry.releases import (
    Release,
    close_outdated,
    finish_release,
    open_release,
    unfinished,
)
from model_registry.signing import SigningKeys
from model_registry.standing import Standing, read_standing
from model_registry.tracking import Registry
from model_registry.versions import CHAMPION, PREVIOUS, Version, find_version, point

STEP = "promote"


class Poll(Frozen):
    """What a look at the candidates did: the release (if any), and why others were passed over.

    `champion` is the version that serves already. `trouble` says why no candidate was looked at:
    the registry is not as releases left it.
    """

    release: Release | None
    passed_over: dict[int, str]
    champion: int | None = None
    trouble: str = ""
    remedy: str = ""


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

    Of any number of processes that do so at once, one releases it. Naming the recorded champion
    puts it back where people moved or deleted its alias or version in MLflow.
    ContractError if its gates, people, the time or the champion of today say no, or if the
    registry is not as releases left it; IntegrityError if its bytes, signature or dossier are not
    what was approved.
    """
    candidate = find_candidate(registry, name, version)
    closed = settle(registry, name)
    if closed and closed.digest == candidate.digest:
        return closed
    standing = read_standing(registry, name)
    if _serves(standing, candidate):
        return _still(name, standing, "it is the champion already")
    _look(registry, candidate, keys, standing, seats, now)  # refused before anybody waits
    with next_turn(registry, name) as mine:
        standing = read_standing(registry, name)
        if _serves(standing, candidate):
            return _still(name, standing, "it is the champion already")
        dossier, decision = _look(registry, candidate, keys, standing, seats, now)
        close_outdated(registry, standing.record)
        if standing.digest == candidate.digest:
            return _put_back(registry, candidate, dossier, standing, keys, mine)
        release = unfinished(standing.record, "promote", candidate.digest)
        if release is None:
            champion = standing.champion
            release = open_release(
                registry,
                name,
                "promote",
                candidate.digest,
                standing.record,
                (champion.version, champion.digest) if champion else None,
                f"approved by {', '.join(seat.person for seat in decision.seats)}",
            )
        released = copy_candidate(registry, name, candidate, dossier, release.run, keys)
        evidence = {"dossier": dossier.identity, "decision": decision.model_dump()}
        return finish_release(registry, name, release, released, evidence, mine)


def promote_approved(
    registry: Registry, name: str, keys: SigningKeys, *, seats: Sequence[str] = SEATS
) -> Poll:
    """Promote the newest candidate that people approved, unless one as new served already.

    Nothing is promoted while the registry is not as the record of releases says.
    """
    passed_over: dict[int, str] = {}
    if (closed := settle(registry, name)) and closed.action == "promote":
        return Poll(release=closed, passed_over={})
    standing = read_standing(registry, name)
    if standing.trouble:
        return Poll(release=None, passed_over={}, trouble=standing.trouble, remedy=standing.remedy)
    for candidate in list_candidates(registry, name):
        begun = unfinished(standing.record, "promote", candidate.digest)
        if begun is None and _served(registry, standing, candidate):
            break  # Whatever is older than one that served is out of date.
        if candidate.tags.get(VERDICT_TAG) != PASSED:
            continue
        try:
            release = promote(registry, name, candidate.version, keys, seats=seats)
            return Poll(release=release, passed_over=passed_over)
        except (ContractError, IntegrityError) as refusal:
            passed_over[candidate.version] = refusal.what
    serves = standing.champion.version if standing.champion else None
    return Poll(release=None, passed_over=passed_over, champion=serves)


def rollback(registry: Registry, name: str, reason: str, keys: SigningKeys) -> Release:
    """Make the previous champion the champion again; `previous` is then empty.

    So a rollback sent twice by mistake goes back once: the second is a ContractError. Where
    people deleted the champion's version or alias in MLflow, it goes back all the same.
    """
    if (closed := settle(registry, name)) and closed.action == "rollback":
        return closed
    _target(registry, read_standing(registry, name))
    with next_turn(registry, name) as mine:
        standing = read_standing(registry, name)
        target = _target(registry, standing)
        verify_version(registry, target, keys)
        close_outdated(registry, standing.record)
        release = unfinished(standing.record, "rollback")
        last = standing.record.last
        if release is None:
            before = (last.version, last.digest) if last and last.version else None
            release = open_release(
                registry, name, "rollback", target.digest, standing.record, before, reason
            )
        return finish_release(registry, name, release, target, {}, mine)


def _target(registry: Registry, standing: Standing) -> Version:
    """Return the version a rollback goes to; ContractError where there is none."""
    if standing.moved_outside:
        what, remedy = f"nothing to go back to: {standing.trouble}", standing.remedy
    elif standing.previous is None:
        what = "there is no previous champion to go back to"
        if goal := standing.record.previous():
            what += f": version {goal[0]} was deleted, or is not what was released any more"
        if standing.trouble:
            what += f"; {standing.trouble}"
        remedy = standing.remedy or "paddock show lists the versions; promote another candidate"
    else:
        return standing.previous
    raise ContractError(what, step="rollback", where=standing.name, remedy=remedy)


def _serves(standing: Standing, candidate: Candidate) -> bool:
    return not standing.trouble and standing.digest == candidate.digest


def _served(registry: Registry, standing: Standing, candidate: Candidate) -> bool:
    if candidate.digest in standing.record.served:
        return True
    return find_version(registry, standing.name, candidate.digest) is not None


def _still(name: str, standing: Standing, reason: str) -> Release:
    version = standing.champion.version if standing.champion else 0
    return Release(
        action="promote",
        name=name,
        version=version,
        before=version,
        digest=standing.digest or "",
        moved=False,
        reason=reason,
    )


def _put_back(
    registry: Registry,
    candidate: Candidate,
    dossier: Dossier,
    standing: Standing,
    keys: SigningKeys,
    mine: Turn,
) -> Release:
    """Make the registry say again what the record says: the aliases, and the version if it is gone.

    Nothing new serves, so nobody is asked; a version made again is a release of its own.
    """
    name, champion, previous = standing.name, standing.champion, standing.previous
    if champion is not None:
        verify_version(registry, champion, keys)
        mine.require()
        point(registry, name, PREVIOUS, previous.version if previous else None)
        point(registry, name, CHAMPION, champion.version)
        return _still(name, standing, f"its alias was put back ({standing.trouble})")
    release = unfinished(standing.record, "promote", candidate.digest) or open_release(
        registry,
        name,
        "promote",
        candidate.digest,
        standing.record,
        (previous.version, previous.digest) if previous else None,
        f"put back: {standing.trouble}",
    )
    released = copy_candidate(registry, name, candidate, dossier, release.run, keys)
    return finish_release(registry, name, release, released, {"dossier": dossier.identity}, mine)


def _look(
    registry: Registry,
    candidate: Candidate,
    keys: SigningKeys,
    standing: Standing,
    seats: Sequence[str],
    now: datetime | None,
) -> tuple[Dossier, Decision]:
    """Return the evidence; raise unless everything that must say yes says yes, now."""
    back = standing.digest == candidate.digest
    if standing.trouble and (standing.renamed or not back):
        raise ContractError(
            standing.trouble, step=STEP, where=standing.name, remedy=standing.remedy
        )
    dossier = read_dossier(registry, candidate, keys)
    decision = read_decision(registry, candidate.model, dossier, seats=seats)
    begun = unfinished(standing.record, "promote", candidate.digest)
    if not back and begun is None:
        _refuse(candidate, dossier, decision, standing.digest, now or datetime.now(UTC))
    return dossier, decision


def _refuse(
    candidate: Candidate,
    dossier: Dossier,
    decision: Decision,
    champion: str | None,
    now: datetime,
) -> None:
    compared = dossier.champion.digest if dossier.champion else None
    again = "evaluate the candidate again and ask people again"
    refusals = {
        "its gates refused it": (not dossier.verdict.passed, "train a better candidate"),
        f"people have not approved it ({decision.reason})": (
            decision.state != "approved",
            "answer its item in MLflow's Review tab",
        ),
        f"its evidence expired on {dossier.expires}": (dossier.expired(now), again),
        "the champion is not the one it was compared with": (compared != champion, again),
    }
    for what, (refused, remedy) in refusals.items():
        if refused:
            where = f"{candidate.name} version {candidate.version}"
            raise ContractError(what, step=STEP, where=where, remedy=remedy)
