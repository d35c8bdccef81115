"""What answers: Prefect with its worker and deployments, MLflow with its logins, store, metrics.

Needs the settings, of the environment or of the servers that the home names. Asks, and writes
nothing; a password goes to the server that it is for and to no other.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import yaml

from flows.checking.checks import Check
from flows.workshop.logins import known_passwords, prefect_login
from flows.workshop.settings import CHECKOUT, Settings
from model_registry.accounts.people import Role
from model_registry.addresses import is_server, without_password
from model_registry.logins import WHO
from tasks.retrieval.vector_database import VectorDatabase
from tasks.storage.objects import open_briefly

SECONDS = 4.0  # for an answer
SCRAPE_SECONDS = 8.5  # the exporter's sources have eight
SKEW = timedelta(seconds=60)  # a signed message may be five minutes off
SEEN = timedelta(seconds=90)  # a worker says every thirty that it lives
DEPLOYMENTS = CHECKOUT / "deploy" / "prefect.yaml"
ROLES: tuple[Role, ...] = ("pipeline", "promoter")


class Answer(NamedTuple):
    """An HTTP status (0: nothing answered), what was said as JSON or text, the server's clock."""

    status: int
    said: Any
    at: datetime | None


def mlflow(settings: Settings) -> Iterator[Check]:
    """Look at the MLflow server: does it answer, do its logins work, is its clock ours."""
    if not is_server(settings.mlflow_uri):
        where = without_password(settings.tracking_uri)
        yield Check("MLflow", "ok", f"no server: {where}")
        return
    place = without_password(settings.mlflow_uri).rstrip("/")
    health = _ask(f"{place}/health")
    if health.status != 200:
        yield _silent("MLflow", place, health)
        return
    yield Check("MLflow", "ok", f"{place} answers")
    yield from _clock("MLflow's clock", health)
    known = known_passwords(settings)
    logins = {role: login for role in ROLES if (login := known.having(role))}
    for role, login in logins.items():
        pair = f"{login.name}:{login.password.get_secret_value()}"
        if (status := _ask(f"{place}{WHO}", login=pair).status) == 200:
            yield Check(f"login {role}", "ok", f"{login.name} is logged in")
        else:
            said = f"MLflow does not take the password of {login.name} ({status})"
            todo = f"`paddock accounts apply --new-password {login.name}` makes a new one"
            yield Check(f"login {role}", "broken", said, todo)
    if not logins and _ask(f"{place}{WHO}").status == 401 and not settings.mlflow_username:
        todo = "give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        yield Check("logins", "broken", "MLflow asks for one, and none is known here", todo)


def prefect(settings: Settings) -> Iterator[Check]:
    """Look at the Prefect server: worker, late runs, deployments."""
    api = settings.shared_prefect.rstrip("/")
    if not api:
        yield Check("Prefect", "ok", "no server: each command has one as long as it lives")
        return
    health = _ask(f"{api}/health")
    place = without_password(api)
    if health.status != 200:
        yield _silent("Prefect", place, health)
        return
    login = prefect_login(settings)
    pools = _ask(f"{api}/work_pools/filter", {}, login)
    if pools.status != 200:
        todo = "give PREFECT_API_AUTH_STRING"
        yield Check("Prefect", "broken", f"{place} does not take the login ({pools.status})", todo)
        return
    yield Check("Prefect", "ok", f"{place} answers")
    yield from _clock("Prefect's clock", health)
    yield from _workers(api, pools.said, login)
    late = _ask(
        f"{api}/flow_runs/count", {"flow_runs": {"state": {"name": {"any_": ["Late"]}}}}, login
    )
    if late.said:
        todo = "see that a worker of its pool runs, and that no run holds the slot"
        yield Check("late runs", "look", f"{late.said} wait longer than they should", todo)
    else:
        yield Check("late runs", "ok", "none")
    yield _deployments(api, login)


def _workers(api: str, pools: list[dict[str, Any]], login: str) -> Iterator[Check]:
    now = datetime.now(UTC)
    seen: list[tuple[datetime, str, str]] = []
    for pool in pools:
        found = _ask(f"{api}/work_pools/{pool['name']}/workers/filter", {}, login)
        for worker in found.said if found.status == 200 else ():
            at = datetime.fromisoformat(str(worker["last_heartbeat_time"]).replace("Z", "+00:00"))
            seen.append((at, str(worker["name"]), str(pool["name"])))
    if not seen:
        todo = "prefect worker start --pool cpu"
        yield Check(
            "worker", "broken", "none ever worked here: nothing that is scheduled runs", todo
        )
        return
    at, name, pool_name = max(seen)
    ago = f"{name} of the pool {pool_name} was heard {(now - at).total_seconds():.0f} s ago"
    if now - at <= SEEN:
        yield Check("worker", "ok", ago)
    else:
        todo = f"prefect worker start --pool {pool_name}"
        yield Check("worker", "broken", f"{ago}, the last of all", todo)


def _deployments(api: str, login: str) -> Check:
    wanted = {entry["name"] for entry in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]}
    found = _ask(f"{api}/deployments/filter", {"limit": 200}, login)
    there = {str(entry["name"]) for entry in found.said} if found.status == 200 else set[str]()
    if missing := sorted(wanted - there):
        todo = "prefect deploy --all --prefect-file deploy/prefect.yaml"
        return Check("deployments", "look", f"{', '.join(missing)} are not deployed", todo)
    return Check("deployments", "ok", f"{len(wanted)} deployed")


def store(settings: Settings) -> Iterator[Check]:
    """See that the store can be listed, with the credentials that there are."""
    uri = settings.store_uri
    try:
        next(iter(open_briefly(uri, settings.s3_endpoint_url, SECONDS).keys("")), None)
    except Exception as error:
        cause = error.__cause__ or error
        code = getattr(cause, "response", {}).get("Error", {}).get("Code", "")
        said = f"{without_password(uri)} cannot be listed ({code or type(cause).__name__})"
        todo = "check the bucket, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, PADDOCK_S3_ENDPOINT_URL"
        yield Check("store", "broken", said, todo)
        return
    yield Check("store", "ok", without_password(uri))


def vectors(settings: Settings) -> Iterator[Check]:
    """See that the database of vectors lets this account in, where one is set."""
    address = settings.vectors.get_secret_value()
    if not address:
        yield Check("vectors", "ok", "searched on this machine: no PADDOCK_VECTORS")
        return
    database = VectorDatabase(address)
    store = open_briefly(settings.store_uri, settings.s3_endpoint_url, SECONDS).uri
    count = len(database.copies(store))
    yield Check("vectors", "ok", f"{database.shown} has those of {count} indexes of this store")


def metrics(settings: Settings) -> Iterator[Check]:
    """See that the exporter tells its metrics, where it is to: beside servers."""
    host, port = settings.metrics_host, settings.metrics_port
    if not port:
        yield Check("metrics", "ok", "switched off (PADDOCK_METRICS_PORT is 0)")
        return
    if not settings.shared_prefect:
        yield Check("metrics", "ok", f"no servers; `paddock up` tells them at port {port}")
        return
    place = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/metrics"  # noqa: S104
    answer = _ask(place, seconds=SCRAPE_SECONDS)
    if answer.status == 200 and "paddock_source_up" in str(answer.said):
        yield Check("metrics", "ok", f"{place} answers")
    elif answer.status:
        todo = "set PADDOCK_METRICS_PORT to a free port, or end what listens there"
        yield Check("metrics", "look", f"another program answers at {place}", todo)
    else:
        todo = "see logs/metrics.log in the home, or start it beside servers of yours: "
        todo += "python -m flows.measuring.exporter"
        yield Check("metrics", "look", f"nothing answers at {place}", todo)


def _clock(what: str, answer: Answer) -> Iterator[Check]:
    if answer.at is None:
        return
    off = datetime.now(UTC) - answer.at
    if abs(off) > SKEW:
        said = f"{abs(off).total_seconds():.0f} s {'behind' if off > timedelta() else 'ahead'}"
        yield Check(what, "look", said, "let both machines take their time from a time server")


def _silent(what: str, place: str, answer: Answer) -> Check:
    said = f"answers {answer.status}" if answer.status else "does not answer"
    return Check(what, "broken", f"{place} {said}", "start it (make up), or correct the address")


def _ask(address: str, body: Any = None, login: str = "", seconds: float = SECONDS) -> Answer:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    if login:
        headers["authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    request = urllib.request.Request(address, data, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            return _answer(answer.status, answer.read(), answer.headers)
    except urllib.error.HTTPError as error:
        return _answer(error.code, b"", error.headers)
    except (OSError, ValueError):
        return Answer(0, None, None)


def _answer(status: int, text: bytes, headers: Any) -> Answer:
    said: Any = text.decode(errors="replace").strip()
    if said[:1] in ("{", "[") or said.isdigit():
        said = json.loads(said)
    date = headers.get("Date")
    return Answer(status, said, parsedate_to_datetime(date) if date else None)
