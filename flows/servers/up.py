"""`paddock up`: a Prefect server, an MLflow server and a worker on this machine, until Ctrl-C.

Both servers ask for a login (doors.py). The parts stand in deploy/Procfile; supervisor.py
keeps them running, and a guard ends them all when this ends, however that comes. Everything listens
on loopback and keeps its data in the home, where
`paddock run` without servers keeps it too: a home has one `up` at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import InputError
from flows.servers.doors import prepare_logins
from flows.servers.prefect_pages import one_generation
from flows.workshop.databases import let_readers_go_on
from flows.workshop.settings import CHECKOUT, Settings, library_environment
from tasks.models.serving import guard


def serve(settings: Settings) -> int:
    """Run the servers and the worker; return 0 when told to stop, 1 if they cannot be kept up."""
    for port in (settings.prefect_port, settings.mlflow_port):
        _require_free(settings.server_host, port)
    if settings.metrics_port:
        _require_free(settings.metrics_host, settings.metrics_port)
    environment = server_environment(settings)
    let_readers_go_on(settings.embedded_database)
    with _sole_owner(settings, environment) as lock, _ends_as_exit():
        addresses = environment["MLFLOW_TRACKING_URI"], environment["PREFECT_API_URL"]
        environment |= prepare_logins(settings, *addresses)
        words = [sys.executable, "-m", "flows.servers.supervisor", str(os.getpid())]
        process = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, *words],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,  # never written to: the guard sees it end with this process
            start_new_session=True,  # so that Ctrl-C comes here alone
            pass_fds=(lock,),  # the home is taken until all of it has ended
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait()
            (settings.home / "servers.json").unlink(missing_ok=True)


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


@contextmanager
def _sole_owner(settings: Settings, environment: dict[str, str]) -> Generator[int]:
    """Hold the home, and give the file that does; InputError that says who has it already.

    The lock is the kernel's, so one whose holder was killed is none. The file says who holds it.
    """
    file = os.open(settings.home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(settings, os.pread(file, 4096, 0)) from error
        holder = {
            "pid": os.getpid(),
            "prefect": environment["PREFECT_API_URL"].removesuffix("/api"),
            "mlflow": environment["MLFLOW_TRACKING_URI"],
        }
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(holder).encode(), 0)
        (settings.home / "servers.json").unlink(missing_ok=True)  # of one that was killed
        yield file
    finally:
        os.close(file)


def _taken(settings: Settings, text: bytes) -> InputError:
    try:
        holder: dict[str, object] = json.loads(text)
    except ValueError:  # it is about to write it
        holder = {}
    process = holder.get("pid", "unknown")
    return InputError(
        f"this home has its servers already: process {process}, Prefect at "
        f"{holder.get('prefect', '?')}, MLflow at {holder.get('mlflow', '?')}",
        step="up",
        where=str(settings.home),
        remedy=f"use those, or end them first (Ctrl-C there, or kill {process}, and wait some "
        "seconds); another home (PADDOCK_HOME) can have servers of its own",
    )


@contextmanager
def _ends_as_exit() -> Generator[None]:
    """Take the end of the terminal and a polite kill as Ctrl-C, and only the first of them."""

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # else nohup: it is to stay
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
                remedy="stop what listens there, or set PADDOCK_PREFECT_PORT, "
                "PADDOCK_MLFLOW_PORT and PADDOCK_METRICS_PORT (0: no metrics) to free ports",
            ) from error
