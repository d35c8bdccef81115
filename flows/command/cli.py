"""The `paddock` command. Light to start: what a command needs is imported when it runs.

Exit codes: 0 done, 1 a stage refused or failed, 2 what was given cannot be used, 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import logging
import sys
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from data_contracts.errors import InputError, PaddockError
from flows.asking.parameters import (
    POSITIONAL,
    DecideParameters,
    DemoLogParameters,
    EvaluateParameters,
    ForgetParameters,
    IngestParameters,
    LineageParameters,
    MonitorParameters,
    NamedParameters,
    Parameters,
    PromoteParameters,
    QuarantineParameters,
    RedactParameters,
    RetrainParameters,
    RollbackParameters,
)
from flows.command import actions as commands

COMMANDS: dict[str, tuple[type[Parameters], Any, str]] = {
    "run": (RetrainParameters, commands.run, "raw data in, a signed candidate out"),
    "ingest": (IngestParameters, commands.ingest, "raw data in, a snapshot to train on out"),
    "show": (NamedParameters, commands.show, "the last runs, candidates and the champion"),
    "decide": (DecideParameters, commands.decide, "approve or decline a candidate"),
    "promote": (
        PromoteParameters,
        commands.start("flows.promotion", "promote"),
        "promote what people approved",
    ),
    "rollback": (
        RollbackParameters,
        commands.start("flows.promotion", "rollback"),
        "put the previous champion back",
    ),
    "evaluate": (
        EvaluateParameters,
        commands.start("flows.evaluation", "evaluate"),
        "ask the champion the eval sets again",
    ),
    "monitor": (
        MonitorParameters,
        commands.start("flows.drift", "monitor_drift"),
        "look for drift, and retrain if there is",
    ),
    "demo-log": (DemoLogParameters, commands.demo_log, "write a window of a demo inference log"),
    "quarantine": (
        QuarantineParameters,
        commands.say("flows.command.quarantine", "quarantine"),
        "rows that were held back: list, show or release them",
    ),
    "lineage": (
        LineageParameters,
        commands.say("flows.command.forgetting", "trace"),
        "where a row came from and which models used it",
    ),
    "forget": (
        ForgetParameters,
        commands.say("flows.command.forgetting", "forget"),
        "use a person's rows no more, and plan the rebuild",
    ),
    "redact": (RedactParameters, commands.redact, "personal data out of JSON lines, in a pipe"),
    "up": (Parameters, commands.up, "start Prefect, MLflow and a worker on this machine"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _parser().parse_args(arguments)
    fields, action, _ = COMMANDS[options.command]
    _log_to_terminal()
    try:
        return action(_parameters(fields, options), options)
    except KeyboardInterrupt:
        return _say("interrupted; what was finished is kept, run again to go on", 130)
    except Exception as error:
        if options.debug:
            raise
        return _explain(error)


def _parameters(fields: type[Parameters], options: argparse.Namespace) -> Parameters:
    given = {name: getattr(options, name, None) for name in fields.model_fields}
    try:
        return fields(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [f"--{_dashed(e['loc'][0])}: {e['msg']}" for e in error.errors() if e["loc"]]
        raise InputError(
            "; ".join(wrong),
            step="parameters",
            where=f"paddock {options.command}",
            remedy=f"`paddock {options.command} --help` says what each may be",
        ) from error


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


def _log_to_terminal() -> None:
    logger = logging.getLogger("paddock")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Prefect gives the root logger a handler of its own


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paddock", description="Raises LLaMA-family models, from raw data to an approved one."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (fields, _, text) in COMMANDS.items():
        sub = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        for field in fields.model_fields:
            _add_option(sub, field, fields)
        if name == "run":
            sub.add_argument("--dry-run", action="store_true", help="print the plan and do nothing")
        sub.add_argument("--debug", action="store_true", help="show tracebacks and library logs")
    return parser


def _add_option(parser: argparse.ArgumentParser, name: str, fields: type[Parameters]) -> None:
    field = fields.model_fields[name]
    text = (field.description or "").replace("%", "%%")
    if field.is_required():
        text += " Required."
    elif field.default not in ("", None):
        text += f" Default: {field.default}."
    kind = _plain_type(field.annotation)
    extra: dict[str, Any] = {"type": kind, "metavar": kind.__name__.upper()}
    if kind is bool:
        extra = {"action": argparse.BooleanOptionalAction}
    elif get_origin(field.annotation) is Literal:
        extra = {"choices": get_args(field.annotation)}
    if field.json_schema_extra == POSITIONAL:
        parser.add_argument(name, help=text, choices=extra["choices"])
        return
    required = field.is_required()
    parser.add_argument(f"--{_dashed(name)}", help=text, required=required, **extra)


def _plain_type(annotation: Any) -> type[Any]:
    """Return the type a command-line word is turned into: the one beside None, or text."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    return annotation if annotation in (int, float, bool) else str


def _dashed(name: object) -> str:
    return str(name).replace("_", "-")


if __name__ == "__main__":
    sys.exit(main())
