"""`paddock up`: a Prefect server, an MLflow server and a worker on this machine, until Ctrl-C.

Both servers ask for a login (doors.py). The parts stand in deploy/Procfile; supervisor.py
keeps them running, and a guard ends them all when this ends, however that comes. Everything listens
on loopback and keeps its data in the home, where
`paddock run` without servers keeps it too: a home has one `up` at a time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from data_contracts.errors import InputError
from flows.servers.doors import prepare_logins
from flows.servers.guarded import require_free, run_until_told, sole_owner
from flows.servers.prefect_pages import one_generation
from flows.workshop.databases import let_readers_go_on
from flows.workshop.settings import SERVERS, Settings, library_environment

_PORTS = (
    "set PADDOCK_PREFECT_PORT, PADDOCK_MLFLOW_PORT and PADDOCK_METRICS_PORT (0: no metrics) to "
    "free ports"
)


def serve(settings: Settings) -> int:
    """Run the servers and the worker; return 0 when told to stop, 1 if they cannot be kept up."""
    for port in (settings.prefect_port, settings.mlflow_port):
        require_free(settings.server_host, port, "up", _PORTS)
    if settings.metrics_port:
        require_free(settings.metrics_host, settings.metrics_port, "up", _PORTS)
    environment = server_environment(settings)
    let_readers_go_on(settings.embedded_database)
    addresses = environment["MLFLOW_TRACKING_URI"], environment["PREFECT_API_URL"]
    holder = {"prefect": addresses[1].removesuffix("/api"), "mlflow": addresses[0]}
    with sole_owner(
        settings.home / "up.lock", holder, lambda found: _taken(settings, found)
    ) as lock:
        told = settings.home / SERVERS
        told.unlink(missing_ok=True)  # of one that was killed
        try:
            return run_until_told(
                [sys.executable, "-m", "flows.servers.supervisor", str(os.getpid())],
                lock,
                lambda: environment | prepare_logins(settings, *addresses),
            )
        finally:
            told.unlink(missing_ok=True)


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the servers, the worker and what the worker runs."""
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **library_environment(settings),
        **one_generation(settings.home),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "PADDOCK_STORE": settings.store_uri,
        "PADDOCK_SERVER_HOST": settings.server_host,
        "PADDOCK_PREFECT_PORT": str(settings.prefect_port),
        "PADDOCK_MLFLOW_PORT": str(settings.mlflow_port),
        "PADDOCK_MLFLOW_DATABASE": settings.embedded_database,
        "PADDOCK_MLFLOW_ARTIFACTS": settings.embedded_artifacts,
        "MLFLOW_TRACKING_URI": f"http://{settings.server_host}:{settings.mlflow_port}",
        "PREFECT_API_URL": f"http://{settings.server_host}:{settings.prefect_port}/api",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        # Else a hundred runs of each schedule are written ahead, again at each deployment: on
        # SQLite, with several models on a busy machine, others then waited for a minute.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "2",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "4",
        # Who clicks Run on the machine itself does not wait ten seconds for the worker to look.
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        # Without this MLflow starts seven more processes, for jobs nobody here sends it.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Its webhooks, which only its admins register, go to a part beside it (webhooks.py).
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "5",
        "PYTHONUNBUFFERED": "1",
    }


def _taken(settings: Settings, holder: Mapping[str, object]) -> InputError:
    process = holder.get("pid", "unknown")
    return InputError(
        f"this home has its servers already: process {process}, Prefect at "
        f"{holder.get('prefect', '?')}, MLflow at {holder.get('mlflow', '?')}",
        step="up",
        where=str(settings.home),
        remedy=f"use those, or end them first (Ctrl-C there, or kill {process}, and wait some "
        "seconds); another home (PADDOCK_HOME) can have servers of its own",
    )
