"""Notices a candidate to be put before people, what they decided on one, and what they rated.

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
from model_registry.accounts.roles import CANDIDATE, PROMOTIONS, REVIEW
from model_registry.accounts.server import MODELS_SEARCH, AuthServer
from model_registry.dossier import DOSSIER_TAG, PASSED, VERDICT_TAG

LOOK_SECONDS = 10.0
SETTLED_SECONDS = 120.0  # a reviewer who has sent nothing for so long pauses
QUEUES = "/api/3.0/mlflow/review-queues"
EXPERIMENTS_SEARCH = "/api/2.0/mlflow/experiments/search"


def decisions(server: AuthServer) -> dict[str, str]:
    """Return a digest of each model: its answered questions, its newest candidate that passed.

    PaddockError where the server does not answer.
    """
    found = {name: [["passed", dossier]] for name, dossier in _passed(server).items()}
    for name, answered in _answers(server, PROMOTIONS).items():
        found.setdefault(name, []).extend(answered)
    return {name: _hash(told) for name, told in found.items()}


def ratings(server: AuthServer) -> dict[str, str]:
    """Return a digest of which answers of each model were rated; PaddockError as `decisions`."""
    return {name: _hash(rated) for name, rated in _answers(server, REVIEW).items()}


def watch(
    look: Callable[[], dict[str, str]],
    changed: Callable[[str], bool],
    stop: threading.Event,
    seconds: float = LOOK_SECONDS,
    *,
    settles: bool = False,
) -> None:
    """Call `changed` with each model of which a look is another, until told to stop.

    The first look takes all for new: somebody may have answered while nobody looked, and a model
    without a file has no schedule. Where `changed` returns False it is called again. With `settles`
    a change counts once two looks are the same, so that it is told of once and not at each step.
    """
    known: dict[str, str] = {}
    before: dict[str, str] = {}
    pause = 0.5
    while not stop.wait(pause):
        try:
            now = look()
        except PaddockError:
            continue  # the server starts, or is busy: what changes meanwhile is seen then
        pause = seconds
        for name, found in now.items():
            if settles and found != before.get(name):
                continue
            if found == known.get(name, nothing_waits()) or changed(name):
                known[name] = found
        before = now


def nothing_waits() -> str:
    """Return the digest of no answers and no candidate."""
    return _hash([])


def _passed(server: AuthServer) -> dict[str, str]:
    """Return the dossier of each model's newest candidate, if that passed its gates."""
    passed: dict[str, str] = {}
    query = {"max_results": "1000", "filter": f"name LIKE '%{CANDIDATE}'"}
    for model in server.listed(MODELS_SEARCH, "registered_models", query):
        newest = max(
            model.get("latest_versions", []), key=lambda one: int(one["version"]), default={}
        )
        tags = {tag["key"]: tag.get("value", "") for tag in newest.get("tags", [])}
        if tags.get(VERDICT_TAG) == PASSED:
            passed[model["name"].removesuffix(CANDIDATE)] = tags[DOSSIER_TAG]
    return passed


def _answers(server: AuthServer, ending: str) -> dict[str, list[list[str]]]:
    """Return by model what was answered in the queues of its experiment of this ending."""
    query = {"max_results": "1000", "filter": f"name LIKE '%{ending}'"}
    return {
        one["name"].removesuffix(ending): _answered(server, one["experiment_id"])
        for one in server.listed(EXPERIMENTS_SEARCH, "experiments", query)
    }


def _answered(server: AuthServer, experiment: str) -> list[list[str]]:
    queues = server.listed(f"{QUEUES}/list", "review_queues", {"experiment_id": experiment})
    return [
        [str(queue["queue_id"]), str(item["item_id"]), str(item["status"])]
        for queue in queues
        for item in server.listed(
            f"{QUEUES}/items/list", "items", {"queue_id": str(queue["queue_id"])}
        )
        if not str(item["status"]).endswith("PENDING")
    ]


def _hash(told: list[list[str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()
