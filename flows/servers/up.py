"""`paddock up`: a Prefect server, an MLflow server and a worker on this machine, until Ctrl-C.

The processes stand in deploy/Procfile; this sets their environment and hands over to honcho,
which ends all of them when one ends. Everything listens on loopback and keeps its data in the
home, where `paddock run` without servers keeps it too.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from data_contracts.errors import InputError
from flows.workshop.settings import CHECKOUT, Settings, library_environment

PROCFILE = CHECKOUT / "deploy" / "Procfile"


def serve(settings: Settings) -> int:
    """Run the servers and the worker; return honcho's exit code."""
    for port in (settings.prefect_port, settings.mlflow_port):
        _require_free(settings.server_host, port)
    command = [sys.executable, "-m", "honcho", "start", "-f", str(PROCFILE), "-d", str(CHECKOUT)]
    process = subprocess.Popen(command, env=server_environment(settings))
    try:
        return process.wait()
    except KeyboardInterrupt:  # honcho had it too, and ends the others, for sure after 5 s
        process.wait()
        return 0


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the servers, the worker and what the worker runs."""
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **library_environment(settings),
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
        # Without this MLflow starts seven more processes, for jobs nobody here sends it.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONUNBUFFERED": "1",
    }


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"port {port} is taken",
                step="up",
                where=host,
                remedy="stop what listens there, or set PADDOCK_PREFECT_PORT and "
                "PADDOCK_MLFLOW_PORT to free ports",
            ) from error
