"""What each `paddock` command does. Heavy libraries are imported when a command runs."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from data_contracts.errors import InputError, PaddockError
from flows.asking.parameters import (
    DecideParameters,
    DemoLogParameters,
    FinetuneParameters,
    IngestParameters,
    NamedParameters,
    Parameters,
    RedactParameters,
    RetrainParameters,
)
from flows.command.words import Options
from flows.workshop.settings import join_servers, prepare, read_settings

LOGGER = logging.getLogger("paddock")
AHEAD = ("mlflow",)
LEAST_FREE = 64 << 20  # bytes; the databases alone


def run(parameters: RetrainParameters, options: Options) -> int:
    """Run the main job; exit code 1 if a gate refused the candidate."""
    _ready(options)
    if options.only_plan:
        from flows.asking.plan import plan_retraining, resolve_inputs
        from flows.showing.planned import describe
        from flows.workshop.parts import Workshop

        workshop = Workshop(read_settings())
        inputs = resolve_inputs(workshop, parameters)
        LOGGER.info("%s", describe(plan_retraining(workshop, parameters, inputs)))
        return 0
    retrain = _load("flows.retraining", "retrain")
    from flows.showing.summary import render

    summary = retrain(parameters)
    LOGGER.info("Done.\n\n%s\n", render(summary))
    return 0 if summary.passed else 1


def ingest(parameters: IngestParameters, options: Options) -> int:
    """Make a snapshot and print what became of the rows."""
    _ready(options)
    ingest = _load("flows.ingestion", "ingest")
    from flows.ingestion import summary

    LOGGER.info("Done.\n\n%s\n", summary(ingest(parameters)))
    return 0


def finetune(parameters: FinetuneParameters, options: Options) -> int:
    """Train on a snapshot and print what came of it."""
    _ready(options)
    finetune = _load("flows.finetuning", "finetune")
    from flows.showing.trial import render

    LOGGER.info("Done.\n\n%s\n", render(finetune(parameters)))
    return 0


def show(parameters: NamedParameters, options: Options) -> int:
    """Print the last runs, the candidates and the champion."""
    _ready(options)
    from flows.showing.status import overview
    from flows.workshop.parts import Workshop

    LOGGER.info("%s", overview(Workshop(read_settings()), parameters.name))
    return 0


def decide(parameters: DecideParameters, options: Options) -> int:
    """Approve or decline a candidate without the web page."""
    _ready(options)
    from flows.workshop.parts import Workshop
    from model_registry.approvals import record_decision
    from model_registry.candidates import find_candidate
    from model_registry.dossier import read_dossier

    workshop = Workshop(read_settings())
    candidate = find_candidate(workshop.registry, parameters.name, parameters.version)
    record_decision(
        workshop.registry,
        parameters.name,
        read_dossier(workshop.registry, candidate, workshop.keys),
        approve=parameters.approve,
        person=parameters.person,
        reason=parameters.reason,
    )
    word = "approved" if parameters.approve else "declined"
    LOGGER.info("%s version %s is %s", candidate.name, candidate.version, word)
    return 0


def start(module: str, name: str) -> Callable[[Parameters, Options], int]:
    """Return the command that runs a flow here, importing it then."""

    def command(parameters: Parameters, options: Options) -> int:
        _ready(options)
        _load(module, name)(parameters)
        return 0

    return command


def say(module: str, name: str) -> Callable[[Parameters, Options], int]:
    """Return the command that prints what a function of (workshop, parameters) returns."""

    def command(parameters: Parameters, options: Options) -> int:
        _ready(options)
        from flows.workshop.parts import Workshop

        workshop = Workshop(read_settings())
        LOGGER.info("%s", getattr(import_module(module), name)(workshop, parameters))
        return 0

    return command


def demo_log(parameters: DemoLogParameters, options: Options) -> int:
    """Write a window of a demo inference log."""
    _ready(options)
    from flows.drift import write_demo_log
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    key = write_demo_log(workshop, parameters)
    LOGGER.info("wrote %s/%s", workshop.store.uri, key)
    return 0


def redact(parameters: RedactParameters, options: Options) -> int:
    """Redact JSON lines from standard input to standard output; exit code 1 if one was broken."""
    _ready(options, servers=False)
    from flows.command.redacting import redact_pipe

    return redact_pipe(parameters, sys.stdin.buffer, sys.stdout, sys.stderr)


def up(_: Parameters, __: Options) -> int:
    """Start the servers and a worker, until Ctrl-C; they talk as their own settings say."""
    _prepare_home()
    from flows.servers.up import serve

    return serve(read_settings())


def _load(module: str, name: str) -> Callable[[Any], Any]:
    """Import a flow while its Prefect server starts, where none is named; both take seconds."""
    LOGGER.info("Starting (the first seconds go to loading libraries) …")
    from flows.servers.embedded import start_server

    server = start_server(read_settings())
    flow = getattr(import_module(module), name)
    if server:
        for library in AHEAD:
            import_module(library)
        server.wait()
    return flow


def _ready(options: Options, *, servers: bool = True) -> None:
    """Prepare the home, and keep the libraries' own talk off the terminal unless debugging.

    With `servers`, those that `paddock up` keeps over this home are used.
    """
    _prepare_home()
    if servers and (said := join_servers(read_settings())):
        LOGGER.info("%s", said)
    if not options.debug:
        from flows.command.quiet import quiet_libraries

        quiet_libraries()


def _prepare_home() -> None:
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
