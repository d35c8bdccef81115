"""Moves the champion: promotes a candidate that people approved, and takes it back.

Needs the candidate's dossier, people's decision and the keys. Writes a version of `<name>` with
bytes of its own, and then the row of the ledger that makes it the champion; releases.py says why
in this order, and sets the aliases. Whoever finds another row behind the last one it saw moves
nothing, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.approvals import SEATS, Decision, read_decision
from model_registry.canary_evidence import CanaryDueError, require_canary
from model_registry.candidates import Candidate, find_candidate, list_candidates
from model_registry.copies import altered, copy_candidate, require_bytes, verify_version
from model_registry.dossier import PASSED, VERDICT_TAG, Dossier, read_dossier
from model_registry.ledger.book import LostRaceError
from model_registry.ledger.rows import Action, Approver, Row, Served
from model_registry.refusing import require_yes
from model_registry.releases import (
    Release,
    append,
    goal_of,
    import_older,
    project,
    release_of,
)
from model_registry.signing import SigningKeys
from model_registry.standing import Standing, read_standing
from model_registry.tracking import Registry
from model_registry.versions import Version

STEP = "promote"


class Poll(Frozen):
    """What a look at the candidates did: the release (if any), and why others were passed over.

    `champion` is the version that serves already. `trouble` says why no candidate was looked at:
    the registry is not as releases left it. `held` says why nothing was: what serves burns its
    error budget. Of an urgent promotion it says what that went past.
    """

    release: Release | None
    passed_over: dict[int, str]
    champion: int | None = None
    trouble: str = ""
    remedy: str = ""
    held: str = ""


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
    ContractError if its gates, people, the time or the champion of today say no, if the registry
    is not as releases left it, or (LostRaceError) if another release went first; IntegrityError if
    its bytes, signature or dossier are not what was approved.
    """
    candidate = find_candidate(registry, name, version)
    healed = settle(registry, name)
    if healed and healed.digest == candidate.digest:
        return healed
    standing = read_standing(registry, name)
    if _serves(standing, candidate):
        return _still(standing, "it is the champion already")
    dossier, _ = _look(registry, candidate, keys, standing, seats, now)
    if standing.digest == candidate.digest and standing.only_aliases:
        project(registry, name)
        return _still(standing, f"its alias was put back ({standing.trouble})")
    copied = copy_candidate(registry, name, candidate, dossier, keys)
    # Copying takes minutes, in which people may have thought again.
    current, decision = _look(registry, candidate, keys, standing, seats, now)
    if current.files_digest != dossier.files_digest:
        raise altered(candidate.name, candidate.version)
    try:
        return _write(registry, standing, candidate, current, decision, copied)
    except LostRaceError:
        now_standing = read_standing(registry, name)
        if now_standing.digest != candidate.digest:
            raise
        project(registry, name)
        return _still(read_standing(registry, name), "it is the champion already")


def promote_approved(
    registry: Registry, name: str, keys: SigningKeys, *, seats: Sequence[str] = SEATS
) -> Poll:
    """Promote the newest candidate that people approved, unless one as new served already.

    Nothing is promoted while the registry is not as the ledger says.
    """
    passed_over: dict[int, str] = {}
    if (healed := settle(registry, name)) and healed.action == "promote":
        return Poll(release=healed, passed_over={})
    standing = read_standing(registry, name)
    if standing.trouble:
        return Poll(release=None, passed_over={}, trouble=standing.trouble, remedy=standing.remedy)
    for candidate in list_candidates(registry, name):
        if candidate.digest in standing.served:
            break  # Whatever is older than one that served is out of date.
        if candidate.tags.get(VERDICT_TAG) != PASSED:
            continue
        try:
            release = promote(registry, name, candidate.version, keys, seats=seats)
            return Poll(release=release, passed_over=passed_over)
        except (ContractError, IntegrityError) as refusal:
            passed_over[candidate.version] = refusal.what
            if isinstance(refusal, LostRaceError | CanaryDueError):
                break  # an older one takes no place of what just went first, or goes next
    serves = standing.champion.version if standing.champion else None
    return Poll(release=None, passed_over=passed_over, champion=serves)


def rollback(registry: Registry, name: str, reason: str, keys: SigningKeys) -> Release:
    """Make the previous champion the champion again; `previous` is then empty.

    So a rollback sent twice by mistake goes back once: the second is a ContractError. Where
    people deleted the champion's version or alias in MLflow, it goes back all the same.
    """
    if (healed := settle(registry, name)) and healed.action == "rollback":
        return healed
    standing = read_standing(registry, name)
    target, served = _target(standing)
    require_bytes(target, verify_version(registry, target, keys), served.files_digest)
    row = append(registry, name, standing.last, "rollback", served, previous=None, reason=reason)
    project(registry, name)
    return release_of([*standing.rows, row], row)


def settle(registry: Registry, name: str) -> Release | None:
    """Bring aliases that are behind the ledger to its last row; return that release if any were.

    Releases of earlier builds are in the ledger from here on.
    """
    import_older(registry, name)
    standing = read_standing(registry, name)
    if not standing.behind or standing.trouble:
        return None
    row = project(registry, name)
    return release_of(registry.ledger.rows(name), row) if row else None


def _write(
    registry: Registry,
    standing: Standing,
    candidate: Candidate,
    dossier: Dossier,
    decision: Decision,
    copied: Version,
) -> Release:
    """Write the row that makes a version the champion, and set the aliases."""
    name, last = standing.name, standing.last
    back = last if last is not None and last.digest == candidate.digest else None
    action: Action = "put back" if back else "promote"
    people = tuple(
        Approver(seat=seat.seat, person=seat.person, at=seat.at, reason=seat.reason)
        for seat in decision.seats
    )
    row = append(
        registry,
        name,
        last,
        action,
        Served(
            version=copied.version,
            run=copied.run,
            digest=candidate.digest,
            files_digest=dossier.files_digest,
            candidate=candidate.version,
            dossier=dossier.identity,
        ),
        previous=back.previous if back else _goal(last),
        reason=f"put back: {standing.trouble}" if back else _approved_by(people),
        people=(back.people if back else ()) or people,  # a rollback asks nobody
    )
    project(registry, name)
    return release_of([*standing.rows, row], row)


def _goal(last: Row | None) -> int | None:
    """Return the row that a rollback of the next release goes to: the one that serves."""
    return last.sequence if last is not None and last.serves is not None else None


def _approved_by(people: Sequence[Approver]) -> str:
    return f"approved by {', '.join(one.person for one in people)}"


def _target(standing: Standing) -> tuple[Version, Served]:
    """Return the version a rollback goes to, as it stands and as the ledger has it.

    ContractError where there is none.
    """
    goal = goal_of(standing.rows)
    if standing.lost or standing.moved_outside:
        what, remedy = f"nothing to go back to: {standing.trouble}", standing.remedy
    elif standing.previous is None or goal is None or goal.serves is None:
        what = "there is no previous champion to go back to"
        if goal is not None:
            what += f": version {goal.version} was deleted, or is not what was released any more"
        if standing.trouble:
            what += f"; {standing.trouble}"
        remedy = standing.remedy or _instead_of_going_back(standing)
    else:
        return standing.previous, goal.serves
    raise ContractError(what, step="rollback", where=standing.name, remedy=remedy)


def _instead_of_going_back(standing: Standing) -> str:
    name, serves = standing.name, standing.last is not None and standing.last.serves is not None
    retire = f"`paddock retire --name {name} --reason …` lets nothing serve; " if serves else ""
    return f"{retire}`paddock show --name {name}` lists candidates to promote"


def _serves(standing: Standing, candidate: Candidate) -> bool:
    return not standing.trouble and standing.digest == candidate.digest


def _still(standing: Standing, reason: str) -> Release:
    version = standing.champion.version if standing.champion else 0
    return Release(
        action="promote",
        name=standing.name,
        version=version,
        before=version,
        digest=standing.digest or "",
        moved=False,
        reason=reason,
        row=standing.last.sequence if standing.last else 0,
    )


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
    if standing.trouble and (standing.renamed or standing.lost or not back):
        raise ContractError(
            standing.trouble, step=STEP, where=standing.name, remedy=standing.remedy
        )
    dossier = read_dossier(registry, candidate, keys)
    decision = read_decision(registry, candidate.model, dossier, seats=seats)
    if not back:
        require_yes(candidate, dossier, decision, standing, now or datetime.now(UTC))
        require_canary(registry, candidate, dossier, keys)
    return dossier, decision
