"""Marks runs whose process died, in what Prefect's server on this machine knows.

A run says every 30 s that it lives (PREFECT_FLOWS_HEARTBEAT_FREQUENCY, in settings). Where that
stops, deploy/automations.yaml has the server mark it; but that begins to wait with the first sign:
a run that was killed before, or with the server, would stay Running for ever. So `paddock up` also
looks by itself: what is neither finished nor heard of for 90 s, and has no process here, is Crashed
and its concurrency slot is free. A server that has just started is given 45 s to hear of those
that live. This also keeps `servers.json`, the address for commands on this machine.
"""

from __future__ import annotations

import json
import os
import platform
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from data_contracts.errors import PaddockError
from flows.workshop.settings import Settings
from model_registry.accounts.passwords import read_passwords

SILENCE = timedelta(seconds=90)
HEARING_SECONDS = 45.0  # one sign of life, and some
LOOK_SECONDS = 5.0
OPEN = ["PENDING", "RUNNING", "CANCELLING"]
MESSAGE = "its process is gone: no sign of life in {seconds:.0f} s"


def watch(settings: Settings, holder: int, say: Callable[[str], None]) -> None:
    """Look for dead runs for ever, and write `servers.json` once both servers answer."""
    answering_since: float | None = None
    told = False
    while True:
        if not _answers(f"{settings.prefect_api_url}/health"):
            answering_since = None
        else:
            answering_since = answering_since or time.monotonic()
            if not told and _answers(f"{settings.mlflow_uri}/health") and _has_accounts(settings):
                _announce(settings, holder)
                told = True
            if time.monotonic() - answering_since >= HEARING_SECONDS:
                _mark(settings, say)
        time.sleep(LOOK_SECONDS if told else 1.0)


def _answers(address: str) -> bool:
    try:
        ask(address)
    except (OSError, ValueError, HTTPException):
        return False
    return True


def _has_accounts(settings: Settings) -> bool:
    """Tell whether the worker has made the accounts, now or in an earlier life of the servers."""
    try:
        return bool(read_passwords(settings.accounts_file).plan)
    except PaddockError:
        return False


def _mark(settings: Settings, say: Callable[[str], None]) -> None:
    login = settings.prefect_login.get_secret_value()
    try:
        for name in mark_dead_runs(settings.prefect_api_url, login=login):
            say(f"the run {name} is marked Crashed: its process is gone")
    except (OSError, HTTPException):
        pass  # a server that is busy: look again
    except Exception as error:  # an answer of another form must not end the looking
        say(f"looking for dead runs failed with {type(error).__name__}")


def mark_dead_runs(api: str, silence: timedelta = SILENCE, *, login: str = "") -> list[str]:
    """Mark every open run that nothing was heard of for so long; return their names."""
    wanted = {"flow_runs": {"state": {"type": {"any_": OPEN}}}, "limit": 200}
    marked: list[str] = []
    for run in ask(f"{api}/flow_runs/filter", wanted, login):
        silent = datetime.now(UTC) - datetime.fromisoformat(run["state"]["timestamp"])
        if silent < silence or _heard_of(api, run, silence, login) or _runs_here(run):
            continue
        state = {"type": "CRASHED", "message": MESSAGE.format(seconds=silence.total_seconds())}
        ask(f"{api}/flow_runs/{run['id']}/set_state", {"state": state, "force": True}, login)
        marked.append(str(run["name"]))
    return marked


def ask(address: str, body: Any = None, login: str = "") -> Any:
    """Return what a server answers to a GET, or to a POST of a body; OSError where it does not.

    `login` is a name and a password with a colon between them, as Prefect takes it.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    if login:
        headers["authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    request = urllib.request.Request(address, data, headers)  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
    with direct.open(request, timeout=20) as answer:
        text = answer.read()
        return json.loads(text) if text.startswith((b"{", b"[", b"t")) else text.decode()


def _heard_of(api: str, run: dict[str, Any], silence: timedelta, login: str) -> bool:
    since = (datetime.now(UTC) - silence).isoformat()
    wanted = {
        "occurred": {"since": since},
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run['id']}"]},
    }
    return bool(ask(f"{api}/events/filter", {"filter": wanted, "limit": 1}, login)["events"])


def _runs_here(run: dict[str, Any]) -> bool:
    """Whether the process that a worker on this machine started for the run lives.

    Before it runs it sends no signs of life: importing takes its time on a busy machine.
    """
    if run["state"]["type"] != "PENDING":
        return False
    host, _, process = str(run["infrastructure_pid"] or "").rpartition(":")
    if host not in ("", platform.node()) or not process.isdigit():
        return False
    try:
        return run["id"].encode() in Path("/proc", process, "environ").read_bytes()
    except OSError:
        return False


def _announce(settings: Settings, holder: int) -> None:
    place = settings.home / "servers.json"
    found = {
        "prefect_api_url": settings.prefect_api_url,
        "mlflow_uri": settings.mlflow_uri,
        "pid": holder,
    }
    scratch = place.with_suffix(".tmp")
    scratch.unlink(missing_ok=True)
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as out:
        json.dump(found, out)
    scratch.replace(place)
