"""Keeps personal data out of logs: every record of every logger passes the detectors of forms.

It works where records are made, so that no handler, ours or a library's, on a terminal, in a file
or on Prefect's server, gets one that did not pass. Names need a model and are not looked for here:
a log line of ours never quotes a row, this is the net below that rule. Loads Hyperscan with the
first line.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any, Protocol

from tasks.redaction.engine import build_redactor
from tasks.redaction.patterns import compiled

# What stands in every other line of a server's log and is nobody's.
_NOBODYS = ("127.0.0.1", "0.0.0.0", "::1")  # noqa: S104

# A moment as this program writes it, in UTC and in its own lifetime: nobody's date of birth, though
# a path beside it speaks of one. The hour alone is the name of a window of the inference log.
_OUR_MOMENT = compiled(
    r"\b20(?:2[5-9]|[3-9]\d)-\d\d-\d\dT\d\d(?::\d\d:\d\d(?:\.\d+)?\+00:00|(?!:?\d))"
)
_FIRST_MARK, _MARKS = 0xE000, 6400  # characters for private use: no detector reads them


# Names of accounts, which are evidence: who decided is said in full, also where it is an address.
_shown: set[str] = set()


class _Redactor(Protocol):
    def redact_text(self, text: str) -> str: ...


def redact_logs() -> None:
    """Make every log record of this process a redacted one; calling it again changes nothing."""
    made = logging.getLogRecordFactory()
    if getattr(made, "redacts", False):
        return
    # The form of an address is a loose one: in a summary's counts it finds what is none. Handles
    # are for texts that people wrote: here "@champion" is an alias, and accounts are evidence.
    loose = {"ADDRESS": "keep", "HANDLE": "keep"}
    redactor = build_redactor(names=False, keep=_NOBODYS, policies=loose)
    formatter = logging.Formatter()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = made(*args, **kwargs)
        said = _message(record)
        clean = _redacted(redactor, said)
        if clean != said:
            record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = _redacted(redactor, formatter.formatException(record.exc_info))
            record.exc_info = None  # a handler would format it anew
        return record

    make.redacts = True  # pyright: ignore[reportFunctionMemberAccess]
    logging.setLogRecordFactory(make)


def show_names(names: Iterable[str]) -> None:
    """Let names of accounts that are addresses stand in this process's logs from now on.

    Other names have no form that is looked for.
    """
    _shown.update(name for name in names if "@" in name)


def _redacted(redactor: _Redactor, text: str) -> str:
    """Redact a text around our own moments and the names of accounts.

    A moment within what is redacted goes with it.
    """
    named = _names_in(text)
    ours = compiled("|".join([_OUR_MOMENT.pattern, *named])) if named else _OUR_MOMENT
    moments = list(dict.fromkeys(ours.findall(text)))[:_MARKS]
    marks = {moment: chr(_FIRST_MARK + number) for number, moment in enumerate(moments)}
    if any(mark in text for mark in marks.values()):
        return redactor.redact_text(text)
    hidden = ours.sub(lambda found: marks.get(found[0], found[0]), text)
    clean = redactor.redact_text(hidden)
    for moment, mark in marks.items():
        clean = clean.replace(mark, moment)
    return clean


def _names_in(text: str) -> list[str]:
    """Return patterns of the accounts that a text names, the longest first; whole words only."""
    found = sorted((name for name in _shown if name in text), key=len, reverse=True)
    return [rf"(?<![\w.@+-]){re.escape(name)}(?![\w@+-])(?!\.\w)" for name in found]


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit their format
        return f"{record.msg} {record.args}"
