"""Notices that a candidate is to be put before people, and that somebody decided on one.

MLflow has no webhook of its review queues, and who trains may not write into them. A cheap look
every few seconds, over plain HTTP as the server's admin. It reads which candidate passed its gates
last and who answered which item and how, and judges nothing: what follows, `promote` finds out.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

from data_contracts.errors import PaddockError
from model_registry.accounts.roles import CANDIDATE, PROMOTIONS
from model_registry.accounts.server import AuthServer
from model_registry.dossier import DOSSIER_TAG, PASSED, VERDICT_TAG

LOOK_SECONDS = 10.0
_QUEUES = "/api/3.0/mlflow/review-queues"
_MODELS = "/api/2.0/mlflow/registered-models/search"
_EXPERIMENTS = "/api/2.0/mlflow/experiments/search"


def decisions(server: AuthServer) -> dict[str, str]:
    """Return a digest of each model: its answered questions, its newest candidate that passed.

    PaddockError where the server does not answer.
    """
    found = {name: [["passed", dossier]] for name, dossier in _passed(server).items()}
    query = {"max_results": "1000", "filter": f"name LIKE '%{PROMOTIONS}'"}
    for one in server.listed(_EXPERIMENTS, "experiments", query):
        answered = _answered(server, one["experiment_id"])
        found.setdefault(one["name"].removesuffix(PROMOTIONS), []).extend(answered)
    return {name: _hash(told) for name, told in found.items()}


def watch_decisions(
    look: Callable[[], dict[str, str]],
    decided: Callable[[str], bool],
    stop: threading.Event,
    seconds: float = LOOK_SECONDS,
) -> None:
    """Call `decided` with each model with an answer or a candidate more, until told to stop.

    The first look takes all for new: somebody may have answered while nobody looked, and a model
    without a file has no schedule. Where `decided` returns False it is called again.
    """
    known: dict[str, str] = {}
    pause = 0.5
    while not stop.wait(pause):
        try:
            now = look()
        except PaddockError:
            continue  # the server starts, or is busy: what changes meanwhile is seen then
        pause = seconds
        for name, answers in now.items():
            if answers == known.get(name, nothing_waits()) or decided(name):
                known[name] = answers


def nothing_waits() -> str:
    """Return the digest of no answers and no candidate."""
    return _hash([])


def _passed(server: AuthServer) -> dict[str, str]:
    """Return the dossier of each model's newest candidate, if that passed its gates."""
    passed: dict[str, str] = {}
    query = {"max_results": "1000", "filter": f"name LIKE '%{CANDIDATE}'"}
    for model in server.listed(_MODELS, "registered_models", query):
        newest = max(
            model.get("latest_versions", []), key=lambda one: int(one["version"]), default={}
        )
        tags = {tag["key"]: tag.get("value", "") for tag in newest.get("tags", [])}
        if tags.get(VERDICT_TAG) == PASSED:
            passed[model["name"].removesuffix(CANDIDATE)] = tags[DOSSIER_TAG]
    return passed


def _answered(server: AuthServer, experiment: str) -> list[list[str]]:
    queues = server.listed(f"{_QUEUES}/list", "review_queues", {"experiment_id": experiment})
    return [
        [str(queue["queue_id"]), str(item["item_id"]), str(item["status"])]
        for queue in queues
        for item in server.listed(
            f"{_QUEUES}/items/list", "items", {"queue_id": str(queue["queue_id"])}
        )
        if not str(item["status"]).endswith("PENDING")
    ]


def _hash(told: list[list[str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()
