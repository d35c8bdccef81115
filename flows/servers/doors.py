"""Makes the servers of `paddock up` ask for a login: passwords and what the servers read of them.

Needs the settings, and the accounts file. Writes `accounts.toml` and MLflow's own configuration of
its accounts (both 0600) into the home, before the servers start. Accounts and roles are made once
MLflow answers, by the worker.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from data_contracts.errors import InputError
from flows.servers.webhook_door import secret_for
from flows.workshop.applying import plan_of
from flows.workshop.databases import let_readers_go_on
from flows.workshop.logins import make_keeper
from flows.workshop.settings import Settings
from model_registry.accounts.passwords import Passwords, new_password, read_passwords
from model_registry.accounts.people import load_people

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104  (a name, not a place)


def prepare_logins(settings: Settings, mlflow: str, prefect: str) -> dict[str, str]:
    """Make what is missing, for servers at these addresses; return the environment they need."""
    known = read_passwords(settings.accounts_file)
    if known.server and urlsplit(known.server).hostname not in {*_LOOPBACK, settings.server_host}:
        raise InputError(
            f"the passwords of this home are for another server, {known.server}",
            step="up",
            where=str(settings.accounts_file),
            remedy="use another home (PADDOCK_HOME), or move that file away",
        )
    made = known.of(load_people(plan_of(known)))
    kept = made.model_copy(
        update={
            "server": mlflow,
            "prefect_server": prefect,
            "passwords": known.passwords | made.passwords,
            "prefect": known.prefect if _filled(known.prefect) else _prefect_login(),
            "secret_key": known.secret_key if _filled(known.secret_key) else new_password(),
        }
    )
    make_keeper(settings)(kept)
    place = _mlflow_accounts(settings, kept)
    login = kept.prefect.get_secret_value()
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(place),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": kept.secret_key.get_secret_value(),
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": secret_for(kept, "encryption"),
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_API_AUTH_STRING": login,
    }


def _filled(secret: SecretStr) -> bool:
    return bool(secret.get_secret_value())


def _prefect_login() -> SecretStr:
    return SecretStr(f"paddock:{new_password().get_secret_value()}")


def _mlflow_accounts(settings: Settings, known: Passwords) -> Path:
    """Write what MLflow reads of its accounts: where they lie, and its first admin."""
    home = settings.home.absolute()
    database = f"sqlite:///{home / 'mlflow-accounts.db'}"
    let_readers_go_on(database)
    admin = known.having("admin")
    values = {
        "default_permission": "READ",
        "database_uri": database,
        "admin_username": admin.name if admin else "",
        "admin_password": admin.password.get_secret_value() if admin else "",
        # One process serves, and hears of each change: so a password is hashed once a minute.
        "auth_cache_ttl_seconds": "60",
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
    }
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in values.items()]
    place = home / "mlflow-accounts.ini"
    scratch = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write("\n".join(["[mlflow]", *lines, ""]))
    scratch.replace(place)
    return place
