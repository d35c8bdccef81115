"""The passwords of a home's accounts: one file, readable by its owner alone, made here.

Needs a path. Writes that file (TOML, 0600), whole or not at all. It names the server that the
passwords are for: they are sent to no other.
"""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError

from data_contracts.errors import InputError, PaddockError
from data_contracts.records import Frozen
from model_registry.accounts.people import ROLES, STEP, People, Role
from model_registry.logins import Login

_HEAD = (
    "# Passwords of Paddock's accounts on one MLflow server. Made by Paddock: keep it to yourself."
)


class Passwords(Frozen):
    """Who logs in with what. `plan` is the accounts file that was applied last,
    and `opened` the registered models that were made ready by it.

    `pending` holds a new password from before the server is told of it until it has taken it.
    """

    server: str = ""
    prefect_server: str = ""
    plan: str = ""
    opened: tuple[str, ...] = ()
    prefect: SecretStr = SecretStr("")
    secret_key: SecretStr = SecretStr("")
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    passwords: dict[str, SecretStr] = Field(default_factory=dict)
    pending: dict[str, SecretStr] = Field(default_factory=dict)

    def login(self, name: str) -> Login | None:
        """Return the login of an account, or None where its password is not known here."""
        password = self.passwords.get(name)
        return None if password is None else Login(name=name, password=password)

    def having(self, role: Role) -> Login | None:
        """Return the login of the first account of a role that is known here, or None."""
        known = (self.login(name) for name in self.roles.get(role, ()))
        return next((login for login in known if login), None)

    def is_for(self, server: str) -> bool:
        """Tell whether the passwords are for the MLflow server at an address."""
        return bool(self.server) and _place(self.server) == _place(server)

    def is_for_prefect(self, server: str) -> bool:
        """Tell whether the login is for the Prefect server at an address."""
        return bool(self.prefect_server) and _place(self.prefect_server) == _place(server)

    def of(self, people: People) -> Passwords:
        """Return these with a password for everybody, and who has which role."""
        made = {name: self.passwords.get(name) or new_password() for name in people.accounts}
        roles = {role: tuple(people.having(role)) for role in ROLES}
        return self.model_copy(update={"passwords": made, "roles": roles})


def new_password() -> SecretStr:
    """Return a new password: 32 characters, 192 random bits."""
    return SecretStr(secrets.token_urlsafe(24))


def read_passwords(path: Path) -> Passwords:
    """Read the file, empty where there is none; PaddockError if others can read it too."""
    try:
        if path.stat().st_mode & 0o077:
            raise PaddockError(
                "others can read the passwords",
                step=STEP,
                where=str(path),
                remedy=f"chmod 600 {path}, and change what may have been read: "
                "`paddock accounts apply --new-password NAME`",
            )
        return Passwords.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Passwords()
    except (OSError, ValueError) as error:
        detail = "its keys" if isinstance(error, ValidationError) else type(error).__name__
        raise InputError(
            f"the passwords cannot be read ({detail})",
            step=STEP,
            where=str(path),
            remedy="restore the file from a backup; or move it away, and have an admin set new "
            "passwords on the server",
        ) from None  # the library's text would quote the file


def write_passwords(path: Path, passwords: Passwords) -> None:
    """Write the file whole, in place of the one that is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(_text(passwords))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _text(passwords: Passwords) -> str:
    plain = {
        "server": passwords.server,
        "prefect_server": passwords.prefect_server,
        "plan": passwords.plan,
        "opened": passwords.opened,
        "prefect": passwords.prefect.get_secret_value(),
        "secret_key": passwords.secret_key.get_secret_value(),
    }
    lines = [_HEAD, *_entries(plain), "", "[roles]", *_entries(passwords.roles)]
    for table in ("passwords", "pending"):
        entries: Mapping[str, SecretStr] = getattr(passwords, table)
        shown = {name: password.get_secret_value() for name, password in entries.items()}
        lines += ["", f"[{table}]", *_entries(shown)]
    return "\n".join([*lines, ""])


def _entries(values: Mapping[str, Any]) -> list[str]:
    # A string or a list of strings is written in TOML as it is in JSON.
    return [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items()]


def _place(address: str) -> tuple[str, str]:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    host = (parts.hostname or "").replace("localhost", "127.0.0.1")
    return parts.scheme, f"{host}:{parts.port or ''}{parts.path.rstrip('/')}"
