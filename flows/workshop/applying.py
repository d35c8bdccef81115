"""Makes the accounts of this home's MLflow server what an accounts file says.

Needs a server with accounts and its admin. Writes to the server, and the passwords that it makes to
the home's accounts.toml.
"""

from __future__ import annotations

from pathlib import Path

from data_contracts.errors import ContractError
from flows.workshop.logins import EXAMPLE, STEP, admin_server, is_server, make_keeper, places
from flows.workshop.settings import Settings
from model_registry.accounts.applying import apply_people
from model_registry.accounts.passwords import Passwords, read_passwords
from model_registry.accounts.people import load_people
from model_registry.accounts.roles import CANDIDATE
from model_registry.accounts.server import MODELS_SEARCH, AuthServer


def apply_file(settings: Settings, file: Path | None, *, ours: bool = False) -> list[str]:
    """Apply an accounts file, or the one of before again; return what changed, in words.

    `ours` is a server of this home: every model that it has is made ready, and what was registered
    before there were logins counts as the admin's.
    """
    known, keep = passwords_here(settings), make_keeper(settings)
    path = plan_of(known, file)
    people, server = load_people(path), admin_server(settings, known)
    more = _models_there(server) if ours else []
    where = places(settings).place_for
    said = apply_people(server, people, known, keep, where, more=more, vouch=ours)
    keep(read_passwords(settings.accounts_file).model_copy(update={"plan": str(path)}))
    return said


def plan_of(known: Passwords, file: Path | None = None) -> Path:
    """Return the accounts file to go by: the one given, the one applied last, or the example."""
    return (file or Path(known.plan or EXAMPLE)).absolute()


def passwords_here(settings: Settings) -> Passwords:
    """Return this server's passwords; ContractError if the home's file is another server's."""
    if not is_server(settings):
        return Passwords()
    there = read_passwords(settings.accounts_file)
    if there.server and not there.is_for(settings.mlflow_uri):
        raise ContractError(
            f"the passwords there are for another server, {there.server}",
            step=STEP,
            where=str(settings.accounts_file),
            remedy="give this server a file of its own: PADDOCK_ACCOUNTS",
        )
    return there.model_copy(update={"server": settings.mlflow_uri})


def _models_there(server: AuthServer) -> list[str]:
    query = {"max_results": "1000"}
    found = server.listed(MODELS_SEARCH, "registered_models", query)
    names = [str(model["name"]) for model in found]
    return [name.removesuffix(CANDIDATE) for name in names if name.endswith(CANDIDATE)]
