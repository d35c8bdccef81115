"""Looks at the registry as soon as something changes in it, and not at the next full hour.

`python -m flows.servers.webhooks`, a part of `paddock up`. Needs both servers and the home's
accounts. Registers one webhook in MLflow as its admin (webhook_door.py takes what it sends), and
starts the deployment `reconcile` when it hears of a change; `promote` when a candidate passed or
somebody decided on one, `review` when people rated (decisions.py): once for a burst, and never
beside a run of the same. It is no more than a
hint. What is lost, on the way or while this is down, the schedules find; what comes twice finds
nothing to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError

from data_contracts.errors import PaddockError
from flows.asking.parameters import GIVEN
from flows.servers.decisions import SETTLED_SECONDS, decisions, ratings, watch
from flows.servers.watchdog import ask
from flows.servers.webhook_door import PLACE, open_door, secret_for
from flows.workshop.logins import admin_server
from flows.workshop.settings import Settings, read_settings
from model_registry.accounts.passwords import read_passwords
from model_registry.accounts.server import AuthServer

NAME = "paddock-looks"
DEPLOYMENTS = ("reconcile/reconcile",)
EVENTS = (
    ("MODEL_VERSION", "CREATED"),
    ("MODEL_VERSION_TAG", "SET"),
    ("MODEL_VERSION_TAG", "DELETED"),
    ("MODEL_VERSION_ALIAS", "CREATED"),
    ("MODEL_VERSION_ALIAS", "DELETED"),
)
STARTUP_SECONDS = 240.0
QUIET_SECONDS, BURST_SECONDS = 2.0, 20.0  # a burst ends when it is quiet, or goes on for so long
REST_SECONDS = 30.0  # between two looks: each is a process of some seconds, a training changes much
BUSY_SECONDS = 60.0
RUN_SECONDS = 180.0  # for a run that is under way to end
_WEBHOOKS = "/api/2.0/mlflow/webhooks"


def main() -> int:
    """Register, listen and look until stopped; 1 if the servers do not come."""
    settings = read_settings()
    looks = Looks(lambda deployment: start(settings, deployment))
    secret = secret_for(read_passwords(settings.accounts_file), "signature")
    server = open_door(secret, looks.hear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if not _registered(settings, f"http://127.0.0.1:{server.server_address[1]}{PLACE}", secret):
        print("MLflow took no webhook: changes wait for the schedules")  # noqa: T201
        return 1
    stop = threading.Event()
    _watch(settings, decisions, "promote", stop)
    _watch(settings, ratings, "review", stop, seconds=SETTLED_SECONDS, settles=True)
    looks.run(stop)
    return 0


def _watch(
    settings: Settings,
    read: Callable[[AuthServer], dict[str, str]],
    flow: str,
    stop: threading.Event,
    **how: Any,
) -> None:
    """Start a model's own deployment of a flow when what is read of the model changes."""

    def look() -> dict[str, str]:
        return read(admin_server(settings, read_passwords(settings.accounts_file)))

    of = (look, partial(_start_of, settings, flow), stop)
    threading.Thread(target=watch, args=of, kwargs=how, daemon=True).start()


def _start_of(settings: Settings, flow: str, name: str) -> bool:
    """Start a model's own deployment, or that of any model where it has none; tell whether."""
    try:
        if not start(settings, f"{flow}/{name}", missing_ok=True):
            start(settings, f"{flow}/{flow}", {GIVEN: {"name": name}})
    except (OSError, ValueError, KeyError) as error:
        print(f"{flow} of {name} was not started ({type(error).__name__})")  # noqa: T201
        return False
    return True


class Looks:
    """Gathers what is heard, and starts each deployment once for all of it."""

    def __init__(
        self,
        start: Callable[[str], object],
        deployments: Sequence[str] = DEPLOYMENTS,
        quiet: float = QUIET_SECONDS,
        burst: float = BURST_SECONDS,
        rest: float = REST_SECONDS,
    ) -> None:
        self._start, self._deployments = start, deployments
        self._quiet, self._burst, self._rest = quiet, burst, rest
        self._heard = threading.Event()

    def hear(self) -> None:
        """Note that something changed."""
        self._heard.set()

    def run(self, stop: threading.Event) -> None:
        """Start the deployments whenever something was heard, until told to stop."""
        while not stop.is_set():
            if not self._heard.wait(0.2):
                continue
            end = time.monotonic() + self._burst
            while self._heard.is_set() and time.monotonic() < end:
                self._heard.clear()
                stop.wait(self._quiet)
            self._heard.clear()  # what comes from now on is another burst
            for deployment in self._deployments:
                try:
                    self._start(deployment)
                except (OSError, ValueError, KeyError) as error:
                    # The schedule looks in any case.
                    print(f"{deployment} was not started ({type(error).__name__})")  # noqa: T201
            stop.wait(self._rest)  # what is heard meanwhile is one look afterwards


def start(
    settings: Settings,
    deployment: str,
    parameters: dict[str, Any] | None = None,
    *,
    missing_ok: bool = False,
) -> bool:
    """Start a deployment once no run of it is under way: beside one it would be cancelled.

    False where there is none, which may be so. OSError where Prefect does not answer.
    """
    api, login = settings.prefect_api_url, settings.prefect_login.get_secret_value()
    try:
        found = _ask(f"{api}/deployments/name/{deployment}", None, login)["id"]
    except HTTPError as error:
        if missing_ok and error.code == HTTPStatus.NOT_FOUND:
            return False
        raise
    under_way = {
        "deployments": {"id": {"any_": [found]}},
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}},
    }
    end = time.monotonic() + RUN_SECONDS
    while _ask(f"{api}/flow_runs/filter", under_way, login) and time.monotonic() < end:
        time.sleep(1.0)
    body: dict[str, Any] = {"state": {"type": "SCHEDULED"}, "tags": ["webhook"]}
    body |= {"parameters": parameters} if parameters else {}
    _ask(f"{api}/deployments/{found}/create_flow_run", body, login)
    return True


def _ask(address: str, body: Any, login: str) -> Any:
    """Ask Prefect; again where it is busy: on SQLite it answers 503 while another writes."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return ask(address, body, login)
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > end:
                raise
        time.sleep(1.0)


def register(server: AuthServer, address: str, secret: str) -> None:
    """Let MLflow send registry events to an address, and to none that an earlier start had."""
    body = {
        "name": NAME,
        "url": address,
        "description": "starts reconcile and promote of Paddock",
        "events": [{"entity": entity, "action": action} for entity, action in EVENTS],
        "secret": secret,
        "status": "ACTIVE",
    }
    for known in server.ask("GET", _WEBHOOKS, {"max_results": 100}).get("webhooks", []):
        if known["name"] == NAME:
            server.ask("DELETE", f"{_WEBHOOKS}/{known['webhook_id']}")
    server.ask("POST", _WEBHOOKS, body)


def _registered(settings: Settings, address: str, secret: str) -> bool:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        try:
            known = read_passwords(settings.accounts_file)
            register(admin_server(settings, known), address, secret)
        except PaddockError:
            time.sleep(1.0)
        else:
            return True
    return False


if __name__ == "__main__":
    raise SystemExit(main())
