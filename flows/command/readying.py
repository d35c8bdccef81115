"""Readies a command: its home, the servers of this home, and the library that runs flows."""

from __future__ import annotations

import logging
import shutil
from importlib import import_module
from typing import Any

from data_contracts.errors import InputError, PaddockError
from flows.asking.parameters import Parameters
from flows.command.words import Options
from flows.workshop.logins import log_in_to_prefect
from flows.workshop.settings import join_servers, prepare, read_settings

LOGGER = logging.getLogger("paddock")
AHEAD = ("mlflow",)
LEAST_FREE = 64 << 20  # bytes; the databases alone


def started(module: str, name: str, parameters: Parameters) -> Any:
    """Run a flow here, imported while its Prefect server starts, where none is named.

    Both take seconds, so what was given is looked at before.
    """
    from flows.asking.given import require_given

    require_given(parameters)
    LOGGER.info("Starting (the first seconds go to loading libraries) …")
    from flows.servers.embedded import start_server

    server = start_server(read_settings())
    flow = getattr(import_module(module), name)
    if server:
        for library in AHEAD:
            import_module(library)
        server.wait()
    return flow(parameters)


def make_ready(options: Options, *, servers: bool = True, aloud: bool = True) -> None:
    """Prepare the home, and keep the libraries' own talk off the terminal unless debugging.

    With `servers`, those that `paddock up` keeps over this home are used, which is said `aloud`.
    """
    prepare_home()
    if servers:
        if (said := join_servers(read_settings())) and aloud:
            LOGGER.info("%s", said)
        log_in_to_prefect(read_settings())
    if not options.debug:
        from flows.workshop.quiet import quiet_libraries

        quiet_libraries()


def prepare_home() -> None:
    """Make the home; InputError where it cannot be, PaddockError where its disk is full."""
    settings = read_settings()
    try:
        prepare(settings)
    except OSError as error:
        raise InputError(
            f"the home folder cannot be made ({error.strerror})",
            step="settings",
            where=str(settings.home),
            remedy="point PADDOCK_HOME at a folder that can be written",
        ) from error
    # On a full disk the embedded Prefect does not start, which takes it two minutes to say.
    if shutil.disk_usage(settings.home).free < LEAST_FREE:
        raise PaddockError(
            f"the disk is full: less than {LEAST_FREE >> 20} MiB are free",
            step="settings",
            where=str(settings.home),
            remedy="free some space, or point PADDOCK_HOME elsewhere; finished stages are kept",
        )
