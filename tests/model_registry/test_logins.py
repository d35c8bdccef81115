"""With logins on, the server says who decided, whatever the client says."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import ContractError
from model_registry.approvals import read_decision, record_decision, request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.tracking import Registry, open_registry

pytest.importorskip("flask_wtf", reason="MLflow's logins need Flask-WTF")
PASSWORDS = {"admin": "correct horse battery", "ada": "staple staple staple", "eve": "0123456789ab"}


@pytest.fixture(scope="module")
def guarded(
    start_server: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Registry]:
    """A server with basic auth; the registry as each person sees it."""
    home = tmp_path_factory.mktemp("auth")
    settings = {
        "default_permission": "EDIT",
        "database_uri": f"sqlite:///{home}/auth.db",
        "admin_username": "admin",
        "admin_password": PASSWORDS["admin"],
        "auth_cache_ttl_seconds": "60",  # or every request costs a password hash
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
    }
    lines = [f"{key} = {value}" for key, value in settings.items()]
    (home / "auth.ini").write_text("\n".join(["[mlflow]", *lines]) + "\n")
    server = start_server(
        "--app-name",
        "basic-auth",
        MLFLOW_AUTH_CONFIG_PATH=str(home / "auth.ini"),
        MLFLOW_FLASK_SERVER_SECRET_KEY="only-for-tests",
    )
    for person in ("ada", "eve"):
        _add_person(server, person)

    def as_person(person: str) -> Registry:
        password = PASSWORDS[person].replace(" ", "%20")
        return open_registry(server.replace("://", f"://{person}:{password}@"))

    return as_person


def _add_person(server: str, person: str) -> None:
    body = json.dumps({"username": person, "password": PASSWORDS[person]}).encode()
    secret = base64.b64encode(f"admin:{PASSWORDS['admin']}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
    place = f"{server}/api/2.0/mlflow/users/create"
    with urllib.request.urlopen(urllib.request.Request(place, body, headers)) as response:
        assert response.status == 200


def test_the_login_decides_and_not_the_claim(
    guarded: Callable[[str], Registry],
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
) -> None:
    admin = guarded("admin")
    dossier = publish(admin, register(admin, "a"))
    people = {"release": ["ada"]}
    request_approval(admin, "desk", dossier, people=people)

    def decide(login: str, claim: str) -> Any:
        registry = guarded(login)
        record_decision(registry, "desk", dossier, approve=True, person=claim)
        return read_decision(admin, "desk", dossier)

    with pytest.raises(Exception, match="Permission denied"):
        decide("eve", claim="ada")  # not a member of the queue
    assert read_decision(admin, "desk", dossier).state == "pending"

    decision = decide("ada", claim="ada")
    assert decision.state == "approved"
    assert decision.seats[0].person == "ada"


def test_a_claim_to_be_another_is_no_yes(
    guarded: Callable[[str], Registry],
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
) -> None:
    admin = guarded("admin")
    dossier = publish(admin, register(admin, "b"))
    request_approval(admin, "desk", dossier)
    with pytest.raises(ContractError, match="does not count: completed without an answer"):
        record_decision(guarded("ada"), "desk", dossier, approve=True, person="eve")
    decision = read_decision(admin, "desk", dossier)
    assert decision.seats[0].person == "ada"  # who was logged in
    assert decision.state == "pending"  # ada did not say yes in her own name


def test_artifacts_go_through_the_server(
    guarded: Callable[[str], Registry], tmp_path: Path
) -> None:
    registry = guarded("ada")
    (tmp_path / "note.txt").write_text("hello")
    run = registry.start_run("desk-notes", "note", {})
    registry.upload(run, tmp_path / "note.txt")
    assert registry.artifact_uri(run).startswith("mlflow-artifacts:/")
    assert registry.artifact_names(run) == ["note.txt"]
    with registry.downloaded(registry.artifact_uri(run, "note.txt")) as path:
        assert path.read_text() == "hello"
