"""Keeps personal data out of logs: every record of every logger passes the detectors of forms.

It works where records are made, so that no handler, ours or a library's, on a terminal, in a file
or on Prefect's server, gets one that did not pass. Names need a model and are not looked for here:
a log line of ours never quotes a row, this is the net below that rule. Loads Hyperscan with the
first line.
"""

from __future__ import annotations

import logging
from typing import Any

from tasks.redaction.engine import build_redactor

# What stands in every other line of a server's log and is nobody's.
_NOBODYS = ("127.0.0.1", "0.0.0.0", "::1")  # noqa: S104


def redact_logs() -> None:
    """Make every log record of this process a redacted one; calling it again changes nothing."""
    made = logging.getLogRecordFactory()
    if getattr(made, "redacts", False):
        return
    # The form of an address is a loose one: in a summary's counts it finds what is none.
    redactor = build_redactor(names=False, keep=_NOBODYS, policies={"ADDRESS": "keep"})
    formatter = logging.Formatter()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = made(*args, **kwargs)
        said = _message(record)
        clean = redactor.redact_text(said)
        if clean != said:
            record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redactor.redact_text(formatter.formatException(record.exc_info))
            record.exc_info = None  # a handler would format it anew
        return record

    make.redacts = True  # pyright: ignore[reportFunctionMemberAccess]
    logging.setLogRecordFactory(make)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit their format
        return f"{record.msg} {record.args}"
