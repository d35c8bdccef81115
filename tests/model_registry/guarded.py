"""A real MLflow server with logins, the accounts of a team on it, and what strangers send it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from model_registry.accounts.applying import admin_of, apply_people
from model_registry.accounts.passwords import Passwords, read_passwords, write_passwords
from model_registry.accounts.people import People
from model_registry.accounts.server import AuthServer
from model_registry.logins import Login
from model_registry.tracking import Registry, open_registry

PEOPLE = People.model_validate(
    {
        "models": ["desk"],
        "accounts": {
            "admin": {"roles": ["admin"]},
            "promoter": {"roles": ["promoter"]},
            "pipeline": {"roles": ["pipeline"]},
            "serving": {"roles": ["serving"]},
            "ada": {"roles": ["pipeline", "approver"], "seats": ["release"]},
            "bob@example.com": {"roles": ["approver"], "seats": ["release", "quality"]},
            "cyd": {"roles": ["approver", "reviewer"], "seats": ["safety"]},
            "rita": {"roles": ["reviewer"]},
        },
    }
)


class Guarded:
    """The server: `as_` gives the registry as somebody, `post` sends what somebody likes."""

    def __init__(self, address: str, kept: Path, ledger: str = "") -> None:
        self.address, self.kept = address, kept
        self.ledger = ledger or f"sqlite:///{kept.with_name('ledger.db')}"
        self._open: dict[str, Registry] = {}

    @property
    def known(self) -> Passwords:
        return read_passwords(self.kept)

    @property
    def admin(self) -> AuthServer:
        server = admin_of(self.address, self.known)
        assert server is not None
        return server

    def login(self, name: str) -> Login:
        login = self.known.login(name)
        assert login is not None
        return login

    def as_(self, name: str) -> Registry:
        login = self.login(name)
        key = f"{name} {login.password.get_secret_value()}"  # a test may have changed it
        if key not in self._open:
            self._open[key] = open_registry(self.address, None, login, ledger=self.ledger)
        return self._open[key]

    def keep(self, changed: Passwords) -> None:
        write_passwords(self.kept, changed)

    def apply(self, people: People, *more: str) -> list[str]:
        return apply_people(self.admin, people, self.known, self.keep, lambda _: None, more=more)

    def send(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        login: Login | None = None,
        method: str = "",
        **headers: str,
    ) -> tuple[int, str]:
        """Return the status and the text that the server answers with."""
        given = {"Content-Type": "application/json", **headers}
        given |= {"Authorization": login.header} if login else {}
        data = None if body is None else json.dumps(body).encode()
        method = method or ("GET" if data is None else "POST")
        request = urllib.request.Request(f"{self.address}{path}", data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


def start_guarded(
    start_server: Callable[..., str], home: Path, accounts: str = "", ledger: str = ""
) -> Guarded:
    """Start a server and make its accounts; `accounts` is the database that it keeps them in."""
    known = Passwords().of(PEOPLE)
    settings = {
        "default_permission": "READ",
        "database_uri": accounts or f"sqlite:///{home}/auth.db",
        "admin_username": "admin",
        "admin_password": known.passwords["admin"].get_secret_value(),
        "auth_cache_ttl_seconds": "60",  # or every request costs a password hash
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
    }
    lines = [f"{key} = {value}" for key, value in settings.items()]
    (home / "auth.ini").write_text("\n".join(["[mlflow]", *lines]) + "\n")
    address = start_server(
        "--app-name",
        "basic-auth",
        MLFLOW_AUTH_CONFIG_PATH=str(home / "auth.ini"),
        MLFLOW_FLASK_SERVER_SECRET_KEY="only-for-tests",
    )
    server = Guarded(address, home / "accounts.toml", ledger)
    server.keep(known.model_copy(update={"server": address}))
    server.apply(PEOPLE)
    return server
