"""The `paddock` command. Light to start: what a command needs is imported when it runs.

Exit codes: 0 done, 1 a stage refused or failed, 2 what was given cannot be used, 130 interrupted.
"""

from __future__ import annotations

import atexit
import errno
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

from data_contracts.errors import InputError, PaddockError
from flows.asking.cleaning_parameters import CleanParameters
from flows.asking.comparing_parameters import CompareParameters
from flows.asking.drift_parameters import DemoLogParameters, DriftParameters, MonitorParameters
from flows.asking.gates import GatesParameters
from flows.asking.ledger_parameters import (
    ExportParameters,
    FetchParameters,
    HistoryParameters,
    ReconcileParameters,
)
from flows.asking.log_parameters import LogParameters
from flows.asking.model_parameters import CheckParameters, DeployParameters, InitParameters
from flows.asking.parameters import (
    EvaluateParameters,
    FinetuneParameters,
    ForgetParameters,
    IngestParameters,
    LineageParameters,
    NamedParameters,
    Parameters,
    QuarantineParameters,
    RedactParameters,
    RetrainParameters,
)
from flows.asking.release_parameters import (
    AccountsParameters,
    DecideParameters,
    DossierParameters,
    PreferencesParameters,
    PromoteParameters,
    RetireParameters,
    ReviewParameters,
    RollbackParameters,
)
from flows.asking.report_parameters import BackfillParameters, ReportParameters
from flows.command import actions
from flows.command.words import Options, RunOptions, read_words
from flows.workshop.databases import is_locked, locked
from flows.workshop.settings import read_settings


class Command(NamedTuple):
    """What a command is told, what it does and what it is for."""

    fields: type[Parameters]
    action: Callable[[Any, Options], int]
    text: str
    options: type[Options] = Options


COMMANDS = {
    "run": Command(
        RetrainParameters, actions.run, "raw data in, a signed candidate out", RunOptions
    ),
    "init": Command(InitParameters, actions.init, "write a model's file, commented"),
    "check": Command(
        CheckParameters, actions.check, "look at all that a model's file names, at no cost"
    ),
    "deploy": Command(
        DeployParameters, actions.deploy, "put models on their schedules, with forms in Prefect"
    ),
    "ingest": Command(IngestParameters, actions.ingest, "raw data in, a snapshot to train on out"),
    "finetune": Command(
        FinetuneParameters, actions.finetune, "a snapshot in, a trained model out, to try settings"
    ),
    "show": Command(NamedParameters, actions.show, "the last runs, candidates and the champion"),
    "review": Command(
        ReviewParameters,
        actions.start("flows.review", "review"),
        "ask people about answers, and judge again with what they rated",
    ),
    "preferences": Command(
        PreferencesParameters,
        actions.say("flows.command.preferring", "write"),
        "what reviewers corrected, as rows to train on",
    ),
    "dossier": Command(
        DossierParameters,
        actions.dossier,
        "take a candidate's evidence along, and check it offline",
    ),
    "decide": Command(DecideParameters, actions.decide, "approve or decline a candidate"),
    "accounts": Command(
        AccountsParameters,
        actions.accounts,
        "who may do what on an MLflow server: accounts, roles, seats",
    ),
    "promote": Command(
        PromoteParameters,
        actions.start("flows.promotion", "promote"),
        "promote what people approved",
    ),
    "rollback": Command(
        RollbackParameters,
        actions.start("flows.promotion", "rollback"),
        "put the previous champion back",
    ),
    "retire": Command(
        RetireParameters,
        actions.start("flows.promotion", "retire"),
        "take the champion out of service: nothing serves",
    ),
    "reconcile": Command(
        ReconcileParameters, actions.reconcile, "bring MLflow's aliases to what the ledger says"
    ),
    "history": Command(
        HistoryParameters,
        actions.write("flows.showing.history", "history_of"),
        "what served when, and who approved it",
    ),
    "fetch": Command(FetchParameters, actions.fetch, "load a released model for serving, verified"),
    "export": Command(
        ExportParameters,
        actions.say("flows.command.exporting", "write"),
        "a released model for other programs: safetensors, GGUF, Ollama",
    ),
    "evaluate": Command(
        EvaluateParameters,
        actions.start("flows.evaluation", "evaluate"),
        "ask the champion, or any model, the eval sets",
    ),
    "compare": Command(
        CompareParameters,
        actions.write("flows.showing.side_by_side", "compare"),
        "trained models side by side: parameters, losses, scores, gates",
    ),
    "gates": Command(
        GatesParameters, actions.gates, "what a gate policy can tell, and its own test; no model"
    ),
    "monitor": Command(
        MonitorParameters,
        actions.start("flows.drift", "monitor_drift"),
        "look for drift, and retrain if there is",
    ),
    "drift": Command(
        DriftParameters,
        actions.say("flows.command.drifting", "tell"),
        "what drift detection can tell, and why a retraining was started or not",
    ),
    "report": Command(
        ReportParameters,
        actions.start("flows.reporting", "weekly_report"),
        "what a week was like: what served, drift, requests, cost, what failed",
    ),
    "backfill": Command(BackfillParameters, actions.backfill, "do late what schedules missed"),
    "demo-log": Command(
        DemoLogParameters, actions.demo_log, "write a window of a demo inference log"
    ),
    "log": Command(
        LogParameters, actions.log, "the inference log: bring rows in, count them, seal days"
    ),
    "quarantine": Command(
        QuarantineParameters,
        actions.say("flows.command.quarantine", "quarantine"),
        "rows that were held back: list, show or release them",
    ),
    "lineage": Command(
        LineageParameters,
        actions.say("flows.command.forgetting", "trace"),
        "where a row came from and which models used it",
    ),
    "forget": Command(
        ForgetParameters,
        actions.say("flows.command.forgetting", "forget"),
        "use a person's rows no more, and plan the rebuild",
    ),
    "redact": Command(
        RedactParameters, actions.redact, "personal data out of JSON lines, in a pipe"
    ),
    "clean": Command(
        CleanParameters,
        actions.say("flows.command.cleaning", "clean"),
        "what can go and what it frees; deletes only if told",
    ),
    "doctor": Command(
        Parameters, actions.doctor, "look at machine, home and servers, and say what to do"
    ),
    "up": Command(Parameters, actions.up, "start Prefect, MLflow and a worker on this machine"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    fields = {name: (entry.fields, entry.options, entry.text) for name, entry in COMMANDS.items()}
    try:
        asked = read_words(fields, arguments)
    except InputError as error:
        return _explain(error)
    _log_to_terminal()
    _collect_rarely()
    try:
        return COMMANDS[asked.command].action(asked.parameters, asked.options)
    except KeyboardInterrupt:
        return _say("interrupted; what was finished is kept, run again to go on", 130)
    except Exception as error:
        if asked.options.debug:
            raise
        return _explain(error)


def _explain(error: Exception) -> int:
    """Say what went wrong in a few lines; return the exit code.

    A library's own message is not shown: it may quote a record.
    """
    if isinstance(error, PaddockError):
        return _say(f"{error}", error.exit_code)
    if _is_full_disk(error):
        full = PaddockError(
            "the disk is full",
            step="storage",
            where=str(_place_of(error) or "the home or the store"),
            remedy="free some space and run again: finished stages are kept",
        )
        return _say(f"{full}", full.exit_code)
    if is_locked(error):
        busy = locked(str(read_settings().home))
        return _say(f"{busy}", busy.exit_code)
    if getattr(error, "error_code", "") == "PERMISSION_DENIED":  # MLflow's, from any depth
        denied = PaddockError(
            "the account that is logged in may not do this on the MLflow server",
            step=next(iter(getattr(error, "__notes__", ())), "accounts"),
            remedy="log in as one that may: `paddock accounts list` says who may what",
        )
        return _say(f"{denied}", denied.exit_code)
    unexpected = PaddockError(
        f"unexpected {type(error).__name__}",
        step=next(iter(getattr(error, "__notes__", ())), "paddock"),
        remedy="run again with --debug to see where",
    )
    return _say(f"{unexpected}", unexpected.exit_code)


def _is_full_disk(error: Exception) -> bool:
    # SQLite says it in words of its own, inside whatever the libraries above it raise.
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or "disk is full" in str(error)


def _place_of(error: Exception) -> object:
    # Of a copy, `filename2` is where it was going.
    return getattr(error, "filename2", None) or getattr(error, "filename", None)


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _collect_rarely() -> None:
    """Look for garbage less often: what loading libraries makes stays, and is looked through again.

    So it was for a tenth of a short command's time, and as much once more when it ended.
    """
    gc.set_threshold(100_000, 50, 50)
    atexit.register(_leave_garbage)


def _leave_garbage() -> None:
    """End without looking for it, unless there is what complains of each object that is left."""
    if "triton" not in sys.modules:
        gc.freeze()


class _ToTerminal(logging.StreamHandler[TextIO]):
    """Writes to what standard output is now, whatever it was when this was made."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def _log_to_terminal() -> None:
    logger = logging.getLogger("paddock")
    if not logger.handlers:
        handler = _ToTerminal()
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Prefect gives the root logger a handler of its own


if __name__ == "__main__":
    sys.exit(main())
