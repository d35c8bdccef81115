"""Takes the champion out of service: nothing serves then, and the ledger says why.

It is for a champion with nothing behind it to go back to, or whose previous one is no better. Needs
a registry with its ledger; no candidate, approval or bytes, so that what is bad can be taken away
whatever became of them. Writes a row that serves nothing, and then takes the alias `champion` away.
"""

from __future__ import annotations

from data_contracts.errors import ContractError
from model_registry.promotion import settle
from model_registry.releases import Release, append, project, release_of
from model_registry.standing import Standing, read_standing
from model_registry.tracking import Registry
from model_registry.versions import has_model

STEP = "retire"


def retire(registry: Registry, name: str, reason: str) -> Release:
    """Let nothing serve, until a candidate is promoted or a rollback goes to `previous`.

    `previous` stays what it was. Sent twice it retires once: the second is a ContractError, as is
    one where nothing serves, or where the registry is not as releases left it and aliases cannot
    mend it; LostRaceError if another release went first.
    """
    if (healed := settle(registry, name)) and healed.action == "out of service":
        return healed
    standing = read_standing(registry, name)
    _require_serving(registry, standing)
    last = standing.last
    previous = last.previous if last else None
    row = append(registry, name, last, "out of service", None, previous=previous, reason=reason)
    project(registry, name)
    return release_of([*standing.rows, row], row)


def _require_serving(registry: Registry, standing: Standing) -> None:
    """Return if there is a champion to take out of service."""
    name, last = standing.name, standing.last
    gone = bool(standing.trouble) and not has_model(registry, name)
    if standing.lost or standing.moved_outside or gone:
        what, remedy = f"nothing was taken out of service: {standing.trouble}", standing.remedy
    elif last is None or last.serves is None:
        what = "there is no champion to take out of service"
        remedy = f"`paddock history --name {name}` says what served, and why nothing does"
    else:
        return
    raise ContractError(what, step=STEP, where=name, remedy=remedy)
