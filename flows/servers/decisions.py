"""Notices that somebody decided on a candidate: MLflow has no webhook of its review queues.

A cheap look every few seconds, over plain HTTP as the server's admin. It reads who answered which
item and how, and judges nothing: what follows from a change, `promote` finds out.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

from data_contracts.errors import PaddockError
from model_registry.accounts.roles import PROMOTIONS
from model_registry.accounts.server import AuthServer

LOOK_SECONDS = 10.0
_QUEUES = "/api/3.0/mlflow/review-queues"


def decisions(server: AuthServer) -> dict[str, str]:
    """Return a digest of the answered questions of each model's approvals.

    PaddockError where the server does not answer.
    """
    query = {"max_results": 1000, "filter": f"name LIKE '%{PROMOTIONS}'"}
    found = server.ask("GET", "/api/2.0/mlflow/experiments/search", query).get("experiments", [])
    return {
        one["name"].removesuffix(PROMOTIONS): _digest(server, one["experiment_id"]) for one in found
    }


def watch_decisions(
    look: Callable[[], dict[str, str]],
    decided: Callable[[str], bool],
    stop: threading.Event,
    seconds: float = LOOK_SECONDS,
) -> None:
    """Call `decided` with each model on which there is an answer more, until told to stop.

    The first look takes every answer for new: somebody may have answered while nobody looked, and a
    model without a file has no schedule. Where `decided` returns False it is called again.
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
            if answers == known.get(name, nothing_answered()) or decided(name):
                known[name] = answers


def nothing_answered() -> str:
    """Return the digest of no answers."""
    return _hash([])


def _digest(server: AuthServer, experiment: str) -> str:
    answered: list[list[str]] = []
    for queue in _listed(server, "list", "review_queues", {"experiment_id": experiment}):
        items = _listed(server, "items/list", "items", {"queue_id": queue["queue_id"]})
        answered += [
            [str(queue["queue_id"]), str(item["item_id"]), str(item["status"])]
            for item in items
            if not str(item["status"]).endswith("PENDING")
        ]
    return _hash(answered)


def _listed(
    server: AuthServer, path: str, name: str, query: dict[str, str]
) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    token = ""
    while True:
        page = server.ask(
            "GET", f"{_QUEUES}/{path}", query | ({"page_token": token} if token else {})
        )
        found += page.get(name, [])
        token = page.get("next_page_token", "")
        if not token:
            return found


def _hash(answered: list[list[str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(answered)).encode()).hexdigest()
