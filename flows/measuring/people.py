"""Who is waited for: seats that are asked about a candidate, answers that wait for reviewers.

Needs an MLflow server, and the promoter's login where it knows accounts. Asks over plain HTTP:
MLflow's client takes 200 MiB. Writes nothing; PaddockError where the server does not answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import SecretStr

from flows.measuring.figures import Figure, figure
from flows.servers.decisions import EXPERIMENTS_SEARCH, QUEUES
from flows.workshop.logins import known_passwords
from flows.workshop.settings import Settings
from model_registry.accounts.roles import CANDIDATE, PROMOTIONS, REVIEW
from model_registry.accounts.seats import seat_of
from model_registry.accounts.server import MODELS_SEARCH, AuthServer
from model_registry.approval_items import item_key
from model_registry.dossier import DOSSIER_TAG, PASSED, VERDICT_TAG
from model_registry.logins import Login
from model_registry.review_traces import trace_id


class Asked(NamedTuple):
    """A candidate that passed its gates: its version, and the dossier that people are asked of."""

    version: int
    dossier: str


def people(settings: Settings) -> Iterator[Figure]:
    """Yield what waits for approvers and for reviewers, of every model."""
    server = AuthServer(settings.mlflow_uri, _reader(settings))
    asked = _asked(server)
    for name, experiment in _experiments(server, PROMOTIONS):
        if name in asked:
            yield from _approvals(server, name, experiment, asked[name])
    for name, experiment in _experiments(server, REVIEW):
        queues = _queues(server, experiment)
        states = Counter(_state(item) for queue in queues for item in _items(server, queue))
        for state, count in states.items():
            yield figure("paddock_review_items", count, model=name, state=state)


def _reader(settings: Settings) -> Login:
    """Return who may see every queue: the promoter, or whoever the environment names."""
    given = Login(name=settings.mlflow_username, password=settings.mlflow_password)
    if given.name:
        return given
    return known_passwords(settings).having("promoter") or Login(name="", password=SecretStr(""))


def _asked(server: AuthServer) -> dict[str, Asked]:
    """Return each model's newest candidate, if it passed its gates."""
    found: dict[str, Asked] = {}
    query = {"max_results": "1000", "filter": f"name LIKE '%{CANDIDATE}'"}
    for model in server.listed(MODELS_SEARCH, "registered_models", query):
        versions = model.get("latest_versions", [])
        newest = max(versions, key=lambda one: int(one["version"]), default={})
        tags = {tag["key"]: tag.get("value", "") for tag in newest.get("tags", [])}
        if tags.get(VERDICT_TAG) == PASSED and tags.get(DOSSIER_TAG):
            name = str(model["name"]).removesuffix(CANDIDATE)
            found[name] = Asked(int(newest["version"]), tags[DOSSIER_TAG])
    return found


def _experiments(server: AuthServer, ending: str) -> Iterator[tuple[str, str]]:
    query = {"max_results": "1000", "filter": f"name LIKE '%{ending}'"}
    for one in server.listed(EXPERIMENTS_SEARCH, "experiments", query):
        yield str(one["name"]).removesuffix(ending), str(one["experiment_id"])


def _approvals(server: AuthServer, name: str, experiment: str, asked: Asked) -> Iterator[Figure]:
    """Yield since when each seat was asked about the newest candidate and has not answered."""
    wanted = trace_id(experiment, item_key(asked.dossier))
    for queue in _queues(server, experiment):
        for item in _items(server, queue):
            if item["item_id"] == wanted and _state(item) == "pending":
                yield figure(
                    "paddock_approval_waits_since_timestamp_seconds",
                    int(item["creation_time_ms"]) / 1000,
                    model=name,
                    version=asked.version,
                    seat=seat_of(str(queue["name"])),
                )


def _queues(server: AuthServer, experiment: str) -> list[dict[str, Any]]:
    return server.listed(f"{QUEUES}/list", "review_queues", {"experiment_id": experiment})


def _items(server: AuthServer, queue: dict[str, Any]) -> list[dict[str, Any]]:
    return server.listed(f"{QUEUES}/items/list", "items", {"queue_id": str(queue["queue_id"])})


def _state(item: dict[str, Any]) -> str:
    """Return pending, complete or declined."""
    return str(item["status"]).rpartition("_")[2].lower()
