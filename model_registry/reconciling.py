"""Brings MLflow's aliases to what the ledger says, and tells of every move that no row explains.

Needs a registry with its ledger. Writes the aliases `champion` and `previous` and the tag of the
registered model; imports the releases of earlier builds into the ledger. It never writes a release:
where the ledger and MLflow cannot be brought together by aliases, it says why, and what does it.
"""

from __future__ import annotations

import time

from data_contracts.errors import IntegrityError
from data_contracts.records import Frozen
from model_registry.copies import require_bytes, verify_version
from model_registry.releases import goal_of, import_older, project
from model_registry.signing import SigningKeys
from model_registry.standing import Standing, note_on_previous, read_standing
from model_registry.tracking import Registry
from model_registry.versions import Version

LOOK_AGAIN = 1.0  # seconds in which a release that is under way may have set the aliases itself


class Reconciled(Frozen):
    """What was found of a model, in one sentence, and what of it nobody explains.

    `moves` are moves of an alias that no row tells of: who made them is not known. `trouble` is
    what could not be put right, and `remedy` what does it.
    """

    name: str
    sentence: str
    moves: tuple[str, ...] = ()
    trouble: str = ""
    remedy: str = ""


def reconcile(registry: Registry, name: str, keys: SigningKeys | None = None) -> Reconciled:
    """Bring a model's aliases to the last row of its ledger; again changes nothing.

    With `keys` the bytes of champion and previous are read and verified, too. IntegrityError if
    the ledger's own rows are not as they were written: then nothing is moved.
    """
    import_older(registry, name)
    standing = _settled(registry, name)
    if standing.trouble and not standing.only_aliases:
        sentence = f"{name}: {standing.trouble}; nothing was moved."
        return Reconciled(
            name=name, sentence=sentence, trouble=standing.trouble, remedy=standing.remedy
        )
    if standing.last is None:
        return Reconciled(name=name, sentence=f"{name}: the ledger has no release of it yet.")
    moves = tuple(filter(None, (standing.trouble, note_on_previous(registry, standing))))
    if moves or standing.behind:
        project(registry, name)
    found = Reconciled(name=name, sentence=_sentence(standing, moves), moves=moves)
    return _with_bytes(registry, found, standing, keys) if keys else found


def _settled(registry: Registry, name: str) -> Standing:
    """Return who serves; a release that sets the aliases just now has a moment to do so."""
    standing = read_standing(registry, name)
    if standing.trouble or standing.behind or note_on_previous(registry, standing):
        time.sleep(LOOK_AGAIN)
        standing = read_standing(registry, name)
    return standing


def _sentence(standing: Standing, moves: tuple[str, ...]) -> str:
    serves = standing.champion
    serving = f"version {serves.version} is the champion" if serves else "nothing serves"
    row = standing.last.sequence if standing.last else 0
    if moves:
        return f"{standing.name}: {'; '.join(moves)}; put back: {serving}, as row {row} says."
    if standing.behind:
        return f"{standing.name}: the aliases were behind the ledger: {serving}, as row {row} says."
    return f"{standing.name}: {serving}, as row {row} of the ledger says; nothing was to do."


def _with_bytes(
    registry: Registry, found: Reconciled, standing: Standing, keys: SigningKeys
) -> Reconciled:
    """Add whether the bytes are those that the ledger names."""
    goal = goal_of(standing.rows)
    for row, version in ((standing.last, standing.champion), (goal, standing.previous)):
        if row is None or row.serves is None or version is None:
            continue
        if what := _harmed(registry, version, row.serves.files_digest, keys):
            sentence = f"{found.sentence} Version {version.version}: {what.what}."
            update = {"sentence": sentence, "trouble": what.what, "remedy": what.remedy}
            return found.model_copy(update=update)
    return found.model_copy(update={"sentence": f"{found.sentence} The bytes are what it names."})


def _harmed(
    registry: Registry, version: Version, files_digest: str, keys: SigningKeys
) -> IntegrityError | None:
    try:
        require_bytes(version, verify_version(registry, version, keys), files_digest)
    except IntegrityError as error:
        return error
    return None
