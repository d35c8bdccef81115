"""The `paddock` command. Light to start: what a command needs is imported when it runs.

Exit codes: 0 done, 1 a stage refused or failed, 2 what was given cannot be used, 130 interrupted.
"""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Sequence
from typing import TextIO

from data_contracts.errors import InputError, PaddockError
from flows.command.commands import COMMANDS
from flows.command.words import read_words
from flows.workshop.databases import is_locked, locked
from flows.workshop.settings import read_settings
from tasks.models.garbage import collect_rarely


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    fields = {name: (entry.fields, entry.options, entry.text) for name, entry in COMMANDS.items()}
    try:
        asked = read_words(fields, arguments)
    except InputError as error:
        return _explain(error)
    _log_to_terminal()
    collect_rarely()
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
