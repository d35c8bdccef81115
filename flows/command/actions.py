"""What each `paddock` command does. Heavy libraries are imported when a command runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from flows.asking.drift_parameters import DemoLogParameters
from flows.asking.gates import GatesParameters
from flows.asking.ledger_parameters import (
    FetchParameters,
    ReconcileParameters,
)
from flows.asking.log_parameters import LogParameters
from flows.asking.model_file import read_model_file
from flows.asking.model_parameters import CheckParameters, DeployParameters, InitParameters
from flows.asking.parameters import (
    FinetuneParameters,
    IngestParameters,
    NamedParameters,
    Parameters,
    RedactParameters,
    RetrainParameters,
)
from flows.asking.release_parameters import (
    AccountsParameters,
    DecideParameters,
    DossierParameters,
)
from flows.command.readying import make_ready, prepare_home, started
from flows.command.words import Options, RunOptions
from flows.workshop.settings import read_settings, use_settings_of

LOGGER = logging.getLogger("paddock")


def run(parameters: RetrainParameters, options: Options) -> int:
    """Run the main job; exit code 1 if a gate refused the candidate."""
    if isinstance(options, RunOptions) and options.file:
        from flows.command.models import over_file

        file = read_model_file(Path(options.file).expanduser())
        use_settings_of(file.environment)
        parameters = over_file(file, parameters)
    make_ready(options)
    if options.only_plan:
        from flows.asking.plan import plan_retraining, resolve_inputs
        from flows.going_on import judged_alike
        from flows.showing.planned import describe
        from flows.workshop.parts import Workshop

        parameters = judged_alike(workshop := Workshop(read_settings()), parameters)
        inputs = resolve_inputs(workshop, parameters)
        LOGGER.info("%s", describe(plan_retraining(workshop, parameters, inputs)))
        return 0
    summary = started("flows.retraining", "retrain", parameters)
    from flows.showing.summary_text import render

    LOGGER.info("Done.\n\n%s\n", render(summary))
    return 0 if summary.passed else 1


def init(parameters: InitParameters, _: Options) -> int:
    """Write a model's file and say what to do with it."""
    from flows.command.starting import write_model_file

    place = write_model_file(parameters)
    LOGGER.info("wrote %s; next: paddock check %s", place, place)
    return 0


def check(parameters: CheckParameters, options: Options) -> int:
    """Look at all that a model's file names, and do nothing."""
    file = read_model_file(Path(parameters.file).expanduser())
    use_settings_of(file.environment)
    make_ready(options)
    from flows.command.models import check as look
    from flows.workshop.parts import Workshop

    LOGGER.info("%s", look(Workshop(read_settings()), file))
    return 0


def deploy(parameters: DeployParameters, options: Options) -> int:
    """Make deployments what files say, and say what changed or differs."""
    if parameters.file:
        read_model_file(Path(parameters.file).expanduser())
    make_ready(options)
    from flows.servers.deployed import deploy_files

    said = deploy_files(read_settings(), parameters)
    LOGGER.info("%s", "\n".join(said) or "every deployment is as its file says")
    return 0


def ingest(parameters: IngestParameters, options: Options) -> int:
    """Make a snapshot and print what became of the rows."""
    make_ready(options)
    ingested = started("flows.ingestion", "ingest", parameters)
    from flows.ingestion import summary

    LOGGER.info("Done.\n\n%s\n", summary(ingested))
    return 0


def finetune(parameters: FinetuneParameters, options: Options) -> int:
    """Train on a snapshot and print what came of it."""
    make_ready(options)
    tried = started("flows.finetuning", "finetune", parameters)
    from flows.showing.trial import render

    LOGGER.info("Done.\n\n%s\n", render(tried))
    return 0


def show(parameters: NamedParameters, options: Options) -> int:
    """Print the last runs, the candidates and the champion."""
    make_ready(options)
    from flows.routers.seen import seen_in_words
    from flows.servers.deployed import by_hand_alone
    from flows.showing.status import overview
    from flows.workshop.parts import Workshop

    settings, name = read_settings(), parameters.name
    more = (seen_in_words(settings.home, name), by_hand_alone(settings, name))
    LOGGER.info("%s", "\n\n".join(filter(None, (overview(Workshop(settings), name), *more))))
    return 0


def decide(parameters: DecideParameters, options: Options) -> int:
    """Approve or decline a candidate without the web page."""
    make_ready(options)
    from flows.command.deciding import record

    LOGGER.info("%s", record(read_settings(), parameters))
    return 0


def accounts(parameters: AccountsParameters, options: Options) -> int:
    """Make a server's accounts what a file says, or list them."""
    make_ready(options)
    from flows.command.accounts import run_accounts

    LOGGER.info("%s", run_accounts(read_settings(), parameters))
    return 0


def dossier(parameters: DossierParameters, options: Options) -> int:
    """Export a candidate's dossier, or verify an exported one without any server."""
    make_ready(options, servers=parameters.action == "export")
    from pathlib import Path

    from flows.showing.dossiers import export, verify
    from flows.workshop.parts import Workshop

    if parameters.action == "verify":
        LOGGER.info("%s", verify(Path(parameters.folder), parameters.key, read_settings()))
    else:
        LOGGER.info("%s", export(Workshop(read_settings()), parameters))
    return 0


def start(module: str, name: str) -> Callable[[Parameters, Options], int]:
    """Return the command that runs a flow here, importing it then."""

    def command(parameters: Parameters, options: Options) -> int:
        make_ready(options)
        started(module, name, parameters)
        return 0

    return command


def of(module: str, name: str) -> Callable[[Parameters, Options], int]:
    """Return a command that another module has, importing it then."""

    def command(parameters: Parameters, options: Options) -> int:
        return getattr(import_module(module), name)(parameters, options)

    return command


def say(module: str, name: str) -> Callable[[Parameters, Options], int]:
    """Return the command that prints what a function of (workshop, parameters) returns."""

    def command(parameters: Parameters, options: Options) -> int:
        make_ready(options)
        from flows.workshop.parts import Workshop

        workshop = Workshop(read_settings())
        LOGGER.info("%s", getattr(import_module(module), name)(workshop, parameters))
        return 0

    return command


def reconcile(parameters: ReconcileParameters, options: Options) -> int:
    """Reconcile here; exit code 1 if something could not be put right."""
    make_ready(options)
    found = started("flows.reconciling", "reconcile", parameters)
    for one in found:
        if one.trouble:
            LOGGER.info("to do: %s", one.remedy)
    return 1 if any(one.trouble for one in found) else 0


def write(module: str, name: str) -> Callable[[Parameters, Options], int]:
    """Return the command that writes what such a function returns, and nothing else, as it is."""

    def command(parameters: Parameters, options: Options) -> int:
        make_ready(options, aloud=False)
        from flows.workshop.parts import Workshop

        workshop = Workshop(read_settings())
        sys.stdout.write(getattr(import_module(module), name)(workshop, parameters))
        return 0

    return command


def fetch(parameters: FetchParameters, options: Options) -> int:
    """Put the verified bytes of a released model into a folder."""
    make_ready(options)
    from flows.workshop.parts import Workshop
    from model_registry.fetching import fetch

    workshop = Workshop(read_settings())
    folder = Path(parameters.folder).expanduser()
    fetched = fetch(workshop.registry, parameters.model, folder, workshop.keys)
    what = f"{fetched.name} version {fetched.version}, row {fetched.row} of the ledger"
    how = "was there already, verified again" if fetched.again else "verified"
    LOGGER.info("%s: %s; the model is in %s", what, how, folder / "model")
    return 0


def demo_log(parameters: DemoLogParameters, options: Options) -> int:
    """Write a window of a demo inference log."""
    make_ready(options)
    from flows.drift import write_demo_log
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    key = write_demo_log(workshop, parameters)
    LOGGER.info("wrote %s/%s", workshop.store.uri, key)
    return 0


def log(parameters: LogParameters, options: Options) -> int:
    """Bring rows into the inference log, count them, or seal its days."""
    make_ready(options)
    if parameters.action == "compact":
        started("flows.compacting", "compact_log", parameters.compaction())
        return 0
    from flows.command import logging_rows
    from flows.workshop.parts import Workshop

    tell = logging_rows.bring_in if parameters.action == "import" else logging_rows.count
    LOGGER.info("%s", tell(Workshop(read_settings()), parameters))
    return 0


def redact(parameters: RedactParameters, options: Options) -> int:
    """Redact JSON lines from standard input to standard output; exit code 1 if one was broken."""
    make_ready(options, servers=False)
    from flows.command.redacting import redact_pipe

    return redact_pipe(parameters, sys.stdin.buffer, sys.stdout, sys.stderr)


def gates(parameters: GatesParameters, _: Options) -> int:
    """Print what a policy can tell, or its own test; exit code 1 if it fails that."""
    from flows.command.gates import tell

    text, fits = tell(parameters)
    LOGGER.info("%s", text)
    return 0 if fits else 1


def doctor(_: Parameters, options: Options) -> int:
    """Print what is right and what is not; exit code 1 if something is broken."""
    if not options.debug:
        from flows.workshop.quiet import quiet_libraries

        quiet_libraries()
    from flows.command.doctor import examine

    text, well = examine()
    LOGGER.info("Looked at machine, home and servers.\n\n%s\n", text)
    return 0 if well else 1


def up(_: Parameters, __: Options) -> int:
    """Start the servers and a worker, until Ctrl-C; they talk as their own settings say."""
    prepare_home()
    from flows.servers.up import serve

    return serve(read_settings())
