"""Makes a registered model ready for accounts, before anybody can make it his own.

MLflow lets whoever creates a thing manage it. So an admin creates the registered models and the
experiments of a name, gives the roles their part, and takes back what any account was granted by
itself. Needs an admin's server; writes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from model_registry.accounts.authors import seal_name
from model_registry.accounts.people import STEP, People, Role
from model_registry.accounts.roles import (
    CANDIDATE,
    EXPERIMENT,
    EXPERIMENTS,
    MODEL,
    MODELS,
    OF_A_MODEL,
    REVIEW,
    REVIEWED,
    Grant,
    role_name,
)
from model_registry.accounts.seats import LONGEST_TAG, TAG, Seated, seat_queue
from model_registry.accounts.server import AuthServer
from model_registry.versions import DIGEST

Place = Callable[[str], str | None]
_API, _QUEUES = "/api/2.0/mlflow", "/api/3.0/mlflow/review-queues"
_REVIEWABLE = "genai_development"
_TRAINING = "custom_model_development"


class Things(Frozen):
    """What belongs to a registered model on the server, by ending: ids and names."""

    name: str
    experiments: dict[str, str]
    models: dict[str, str]

    def what(self, grant: Grant) -> Grant:
        """Return a grant by ending as a grant on the thing itself."""
        found = self.experiments if grant.kind == EXPERIMENT else self.models
        return grant._replace(what=found[grant.what])

    @property
    def keys(self) -> set[tuple[str, str]]:
        """Return kind and id of each."""
        models = {(MODEL, name) for name in self.models.values()}
        return models | {(EXPERIMENT, number) for number in self.experiments.values()}


def open_models(
    server: AuthServer,
    people: People,
    names: Iterable[str],
    place: Place,
    *,
    vouch: bool = False,
) -> list[str]:
    """Make registered models ready; return what changed, in words. Again changes nothing.

    `place` gives where an experiment keeps its files (None: the server says). With `vouch`, the
    candidates of a name that is made ready for the first time count as registered by the admin:
    they were there before the server asked for logins.
    """
    said: list[str] = []
    opened = [_open(server, people, name, place, vouch, said) for name in names]
    if opened:
        said += _roles_get_their_part(server, opened)
        said += _nobody_keeps_more(server, opened)
    return said


def _open(
    server: AuthServer, people: People, name: str, place: Place, vouch: bool, said: list[str]
) -> Things:
    made = [_model(server, f"{name}{ending}") for ending in MODELS]
    found = {ending: _experiment(server, name, ending, place) for ending in EXPERIMENTS}
    experiments = {ending: number for ending, (number, _) in found.items()}
    new = [f"{name}{ending}" for ending, fresh in zip(MODELS, made, strict=True) if fresh]
    new += [f"{name}{ending}" for ending, (_, fresh) in found.items() if fresh]
    if new:
        said.append(f"{name}: made {', '.join(dict.fromkeys(new))}")
    seated = Seated.of(people)
    before = _tags(server, name).get(TAG)
    if before is None and vouch and not made[1]:
        _vouch(server, name, experiments["-candidates"])
    if before != (now := seated.model_dump_json()):
        if len(now.encode()) > LONGEST_TAG:
            raise InputError(
                "more people than a tag of MLflow holds",
                step=STEP,
                where=name,
                remedy="seat fewer, or give a team an accounts file of its own",
            )
        body = {"name": name, "key": TAG, "value": now}
        server.ask("POST", f"{_API}/registered-models/set-tag", body)
        said.append(f"{name}: {_in_words(seated)}")
    for seat, who in seated.seats.items():
        _seat(server, experiments["-promotions"], who, seat_queue(seat))
    _seat(server, experiments[REVIEW], seated.raters)
    _seat(server, experiments["-candidates"], seated.names)  # they read who registered what
    models = {ending: f"{name}{ending}" for ending in MODELS}
    return Things(name=name, experiments=experiments, models=models)


def _in_words(seated: Seated) -> str:
    seats = [f"{seat} decided by {', '.join(who)}" for seat, who in seated.seats.items()]
    return "; ".join(seats) or "nobody may approve"


def _model(server: AuthServer, name: str) -> bool:
    """Make a registered model; False if there is one."""
    if server.find("registered-models/get", {"name": name}) is not None:
        return False
    server.ask("POST", f"{_API}/registered-models/create", {"name": name})
    return True


def _experiment(server: AuthServer, name: str, ending: str, place: Place) -> tuple[str, bool]:
    """Return an experiment's id, and whether it was made now."""
    full = f"{name}{ending}"
    found = server.find("experiments/get-by-name", {"experiment_name": full})
    if found is not None:
        return str(found["experiment"]["experiment_id"]), False
    kind = _REVIEWABLE if ending in REVIEWED else _TRAINING
    body = {"name": full, "tags": [{"key": "mlflow.experimentKind", "value": kind}]}
    if (where := place(full)) is not None:
        body["artifact_location"] = where
    made = server.ask("POST", f"{_API}/experiments/create", body)
    return str(made["experiment_id"]), True


def _tags(server: AuthServer, name: str) -> dict[str, str]:
    found = server.find("registered-models/get", {"name": name}) or {}
    tags = found.get("registered_model", {}).get("tags", [])
    return {tag["key"]: tag.get("value", "") for tag in tags}


def _seat(server: AuthServer, experiment: str, who: Iterable[str], name: str = "") -> None:
    """Let people sit in a queue of an experiment that is there, by its name, or in every one."""
    users = sorted(who)
    for queue in _queues(server, experiment):
        if name in ("", queue["name"]) and sorted(queue.get("users", [])) != users:
            body = {"queue_id": queue["queue_id"], "update_users": True, "users": users}
            server.ask("POST", f"{_QUEUES}/update", body)


def _queues(server: AuthServer, experiment: str) -> list[dict[str, Any]]:
    query = {"experiment_id": experiment, "max_results": "200"}
    return server.listed(f"{_QUEUES}/list", "review_queues", query)


def _vouch(server: AuthServer, name: str, experiment: str) -> None:
    there = {str(queue["name"]).casefold() for queue in _queues(server, experiment)}
    query = {"filter": f"name = '{name}{CANDIDATE}'", "max_results": "1000"}
    for version in server.listed(f"{_API}/model-versions/search", "model_versions", query):
        tags = {tag["key"]: tag.get("value", "") for tag in version.get("tags", [])}
        seal = seal_name(tags.get(DIGEST, ""))
        if DIGEST in tags and seal.casefold() not in there:
            body = {"experiment_id": experiment, "name": seal, "queue_type": "CUSTOM"}
            server.ask("POST", f"{_QUEUES}/create", body)
            there.add(seal.casefold())


def _roles_get_their_part(server: AuthServer, opened: list[Things]) -> list[str]:
    said: list[str] = []
    roles: list[Role] = list(OF_A_MODEL)
    for role in roles:
        number, held = server.role(role_name(role), f"Paddock: {role}")
        for things in opened:
            due = {things.what(grant) for grant in OF_A_MODEL[role]}
            for grant, row in held.items():
                if (grant.kind, grant.what) in things.keys and grant not in due:
                    server.take(row)
                    said.append(f"{things.name}: {role} may no more {grant.level} {grant.what}")
            if missing := due - set(held):
                for grant in sorted(missing):
                    server.grant(number, grant)
                said.append(f"{things.name}: {role} may do its part ({len(missing)} grants)")
    return said


def _nobody_keeps_more(server: AuthServer, opened: list[Things]) -> list[str]:
    """Take back what accounts were granted by themselves on what belongs to these models."""
    said: list[str] = []
    keys = {key: things.name for things in opened for key in things.keys}
    for user in server.users():
        for grant in server.direct_grants(user):
            if name := keys.get((grant.kind, grant.what)):
                server.revoke(user, grant)
                if user != server.login.name:  # it made them a moment ago
                    said.append(f"{name}: {user} may no more {grant.level} {grant.kind} by itself")
    return said
