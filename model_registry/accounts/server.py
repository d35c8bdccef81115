"""The accounts, roles and things of an MLflow server, over its REST API, as one of its admins.

Needs the address and an admin's login. Writes to the server only. MLflow's own client is not used:
importing it loads MLflow's whole server, which takes as long as all that is asked here.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen
from model_registry.accounts.people import STEP
from model_registry.accounts.roles import Grant
from model_registry.logins import WHO, Login

WORKSPACE = "default"  # the one of a server without workspaces
_API, _ROLES = "/api/2.0/mlflow", "/api/3.0/mlflow"
MODELS_SEARCH = f"{_API}/registered-models/search"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class User(Frozen):
    """An account of the server, and the names of its roles with their numbers."""

    name: str
    admin: bool
    roles: dict[str, int]


class AuthServer:
    """What an admin may ask of a server."""

    def __init__(self, address: str, login: Login) -> None:
        self.address, self.login = address.rstrip("/"), login
        near = urlsplit(address).hostname in _LOOPBACK
        proxies = [urllib.request.ProxyHandler({})] if near else []
        self._opener = urllib.request.build_opener(*proxies)

    def accepts(self, login: Login) -> bool:
        """Tell whether the server lets an account in with this password."""
        return self._send("GET", WHO, login=login, missing=(401,)) is not None

    def users(self) -> dict[str, User]:
        """Return every account by its name."""
        found = self.ask("GET", f"{_API}/users/list")["users"]
        return {
            user["username"]: User(
                name=user["username"],
                admin=user["is_admin"],
                roles={role["name"]: role["id"] for role in user["roles"]},
            )
            for user in found
        }

    def create_user(self, login: Login) -> None:
        """Make an account."""
        body = {"username": login.name, "password": login.password.get_secret_value()}
        self.ask("POST", f"{_API}/users/create", body)

    def delete_user(self, name: str) -> None:
        """Take an account away, with all it was granted."""
        self.ask("DELETE", f"{_API}/users/delete", {"username": name})

    def set_password(self, login: Login) -> None:
        """Give an account a password; one's own takes the one that is in use."""
        body = {"username": login.name, "password": login.password.get_secret_value()}
        if login.name == self.login.name:
            body["current_password"] = self.login.password.get_secret_value()
        self.ask("PATCH", f"{_API}/users/update-password", body)

    def set_admin(self, name: str, admin: bool) -> None:
        """Make an account an admin, or an admin none."""
        self.ask("PATCH", f"{_API}/users/update-admin", {"username": name, "is_admin": admin})

    def level(self, name: str, kind: str, what: str) -> str:
        """Return what an account may do with a thing, whatever it comes from."""
        query = {"username": name, "resource_type": kind, "resource_id": what}
        return str(self.ask("GET", f"{_ROLES}/users/permissions/get", query)["permission"])

    def direct_grants(self, name: str) -> list[Grant]:
        """Return what was granted to an account itself: MLflow does so to who creates a thing."""
        found = self.ask("GET", f"{_ROLES}/users/permissions/list", {"username": name})
        return [
            Grant(row["resource_type"], row["resource_pattern"], row["permission"])
            for row in found["permissions"]
            if str(row["role_name"]).startswith("__user_")
        ]

    def revoke(self, name: str, grant: Grant) -> None:
        """Take back what was granted to an account itself."""
        body = {"username": name, "resource_type": grant.kind, "resource_id": grant.what}
        self.ask("POST", f"{_ROLES}/users/permissions/revoke", body)

    def role(self, name: str, description: str) -> tuple[int, dict[Grant, int]]:
        """Return a role's number and its grants with theirs, making the role if there is none."""
        roles = self.ask("GET", f"{_ROLES}/roles/list", {"workspace": WORKSPACE})["roles"]
        found = next((role for role in roles if role["name"] == name), None)
        if found is None:
            body = {"name": name, "workspace": WORKSPACE, "description": description}
            found = self.ask("POST", f"{_ROLES}/roles/create", body)["role"]
        grants = {
            Grant(row["resource_type"], row["resource_pattern"], row["permission"]): row["id"]
            for row in found["permissions"]
        }
        return int(found["id"]), grants

    def grant(self, role: int, grant: Grant) -> None:
        """Give a role something more."""
        body = {
            "role_id": role,
            "resource_type": grant.kind,
            "resource_pattern": grant.what,
            "permission": grant.level,
        }
        self.ask("POST", f"{_ROLES}/roles/permissions/add", body)

    def take(self, number: int) -> None:
        """Take a grant, by its number, from its role."""
        body = {"role_permission_id": number}
        self.ask("DELETE", f"{_ROLES}/roles/permissions/remove", body)

    def assign(self, name: str, role: int, *, has: bool) -> None:
        """Give an account a role, or take it away."""
        method, place = ("POST", "assign") if has else ("DELETE", "unassign")
        self.ask(method, f"{_ROLES}/roles/{place}", {"username": name, "role_id": role})

    def find(self, path: str, query: Mapping[str, str]) -> Any:
        """Return what a GET finds; None where there is no such thing."""
        return self._send("GET", f"{_API}/{path}", query, missing=(404,))

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what the server answers; PaddockError where it refuses."""
        return self._send(method, path, body)

    def listed(self, path: str, name: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return all that a GET lists under `name`, over as many pages as it takes."""
        found, token = list[dict[str, Any]](), ""
        while True:
            page = self.ask("GET", path, {**query, **({"page_token": token} if token else {})})
            found += page.get(name, [])
            if not (token := page.get("next_page_token", "")):
                return found

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        login: Login | None = None,
        missing: tuple[int, ...] = (),
    ) -> Any:
        address, data = f"{self.address}{path}", None
        if method == "GET":
            address += f"?{urlencode(body)}" if body else ""
        else:
            data = json.dumps(body or {}).encode()
        headers = {"Authorization": (login or self.login).header}
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except HTTPError as error:
            if error.code in missing:
                return None
            raise self._refused(path, error) from None
        except (OSError, HTTPException, ValueError) as error:
            raise PaddockError(
                f"the MLflow server does not answer as one with accounts ({type(error).__name__})",
                step=STEP,
                where=f"{self.address}{path}",
                remedy="start it with --app-name basic-auth; `make up` does",
            ) from None

    def _refused(self, path: str, error: HTTPError) -> PaddockError:
        remedies = {
            401: f"the password of {self.login.name} is not this: correct it in accounts.toml",
            403: f"{self.login.name} is no admin: log in as one",
            404: "start the server with --app-name basic-auth (MLflow 3.17 or later)",
        }
        return PaddockError(
            f"the MLflow server refused ({error.code})",
            step=STEP,
            where=f"{self.address}{path}",
            remedy=remedies.get(error.code, "look into the server's log"),
        )
