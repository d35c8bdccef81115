"""Which account does what from this home: passwords from its accounts.toml, or as they are given.

Needs the settings. A password goes to the server that the file names and to no other. Without a
server, or with one that knows no accounts, there are no logins.
"""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from pydantic import SecretStr

from data_contracts.errors import ContractError, InputError
from flows.workshop.settings import CHECKOUT, Settings, use_prefect_login
from model_registry.accounts.applying import Keep, admin_of, settle_pending
from model_registry.accounts.opening import open_models
from model_registry.accounts.passwords import Passwords, read_passwords, write_passwords
from model_registry.accounts.people import Role, load_people
from model_registry.accounts.server import AuthServer
from model_registry.artifacts import Artifacts
from model_registry.logins import Login

EXAMPLE = CHECKOUT / "deploy" / "accounts.toml"
STEP = "accounts"


def known_passwords(settings: Settings) -> Passwords:
    """Return what this home knows of its MLflow server's accounts: nothing of another server's."""
    found = read_passwords(settings.accounts_file) if is_server(settings) else Passwords()
    return found if found.is_for(settings.mlflow_uri) else Passwords()


def is_server(settings: Settings) -> bool:
    """Tell whether MLflow is a server here."""
    return settings.mlflow_uri.startswith(("http://", "https://"))


def login_as(settings: Settings, role: Role) -> Login | None:
    """Return the login of a role; None leaves it to MLflow's own variables, where they are set.

    PADDOCK_ACCOUNT names who trains from here, where it is not the first account that may.
    """
    if not is_server(settings):
        return None
    known = known_passwords(settings)
    if role == "pipeline" and settings.account:
        return _person(settings, known, settings.account)
    return known.having(role)


def login_of(settings: Settings, person: str) -> Login | None:
    """Return the login of a person: kept here, given as PADDOCK_PASSWORD, or asked for.

    None where there are no logins, or where MLflow's own variables name that person.
    """
    if not is_server(settings):
        return None
    return _person(settings, known_passwords(settings), person)


def _person(settings: Settings, known: Passwords, person: str) -> Login | None:
    if settings.password.get_secret_value():
        return Login(name=person, password=settings.password)
    if (login := known.login(person)) or settings.mlflow_username == person:
        return login
    if sys.stdin.isatty():
        return Login(name=person, password=SecretStr(getpass(f"Password of {person}: ")))
    raise InputError(
        f"the password of {person} is not known here",
        step=STEP,
        where=settings.mlflow_uri,
        remedy="give it in PADDOCK_PASSWORD, or run this in a terminal, which asks for it",
    )


def log_in_to_prefect(settings: Settings) -> None:
    """Let this process log in to the Prefect server of this home; call it before prefect is loaded.

    A login that the environment gives stays.
    """
    if not settings.shared_prefect or settings.prefect_login.get_secret_value():
        return
    if login := prefect_login(settings):
        use_prefect_login(login)


def prefect_login(settings: Settings) -> str:
    """Return the login at the shared Prefect server, `name:password`; empty where none is known."""
    if given := settings.prefect_login.get_secret_value():
        return given
    known = read_passwords(settings.accounts_file)
    for_it = known.is_for_prefect(settings.shared_prefect)
    return known.prefect.get_secret_value() if for_it else ""


def make_ready(settings: Settings, name: str) -> None:
    """Make a registered model ready for accounts before it is first used, if this home's may.

    Whoever made it first would manage it; see opening.py.
    """
    known = known_passwords(settings)
    if name in known.opened or (server := admin_of(settings.mlflow_uri, known)) is None:
        return
    keep = make_keeper(settings)
    known = settle_pending(server, known, keep)
    people = load_people(Path(known.plan or EXAMPLE))
    open_models(server, people, [name], places(settings).place_for)
    keep(known.model_copy(update={"opened": (*known.opened, name)}))


def make_keeper(settings: Settings) -> Keep:
    """Return the function that writes this home's passwords."""
    return lambda changed: write_passwords(settings.accounts_file, changed)


def admin_server(settings: Settings, known: Passwords) -> AuthServer:
    """Return the MLflow server as its admin; ContractError where nobody is known to be one."""
    if is_server(settings):
        if server := admin_of(settings.mlflow_uri, known):
            return server
        if settings.mlflow_username and (secret := settings.mlflow_password).get_secret_value():
            login = Login(name=settings.mlflow_username, password=secret)
            return AuthServer(settings.mlflow_uri, login)
    raise ContractError(
        "no admin of an MLflow server with accounts is known here",
        step=STEP,
        where=settings.mlflow_uri or "MLflow is a file in the home",
        remedy="start the servers (make up); or name yours in MLFLOW_TRACKING_URI, and its admin "
        "in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    )


def places(settings: Settings) -> Artifacts:
    """Return where experiments that are made keep their files."""
    return Artifacts(settings.tracking_uri, settings.artifacts_uri)
