"""The inference log's contract: what the served model was asked and answered, an object a window.

An object `inference/<name>/<window>.jsonl` holds one JSON row a request, with the fields of
`LogRow`. A window is an hour (`2026-03-01T14`) or a day (`2026-03-01`), UTC, so that keys sort by
time. Whoever serves the model writes it. Writes nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from data_contracts.errors import InputError
from data_contracts.records import Frozen, Text

WINDOW = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class LogRow(Frozen):
    """One request. The answer may be empty: a model that says nothing is worth seeing."""

    id: Annotated[str, StringConstraints(min_length=1)]
    time: AwareDatetime
    model: str
    prompt: Text
    answer: str


def log_folder(name: str) -> str:
    """Return the prefix of a model's log; InputError if the name is not one."""
    if not _NAME.fullmatch(name):
        raise _refusal(f"{name!r} is not a model name", "use letters, digits, '.', '_' and '-'")
    return f"inference/{name}"


def window_key(name: str, window: str) -> str:
    """Return the key of a window's log; InputError if the name or the label is not one."""
    window_span(window)
    return f"{log_folder(name)}/{window}.jsonl"


def window_span(window: str) -> tuple[datetime, timedelta]:
    """Return when a window begins (UTC) and how long it lasts; InputError if it is not one."""
    try:
        if not WINDOW.fullmatch(window):
            raise ValueError
        start = datetime.fromisoformat(window).replace(tzinfo=UTC)
    except ValueError as error:
        remedy = "write a day or an hour, as 2026-03-01 or 2026-03-01T14"
        raise _refusal(f"{window!r} is not a window", remedy) from error
    return start, timedelta(hours=1) if "T" in window else timedelta(days=1)


def log_bytes(rows: Iterable[LogRow]) -> bytes:
    """Return a window's log as it is stored."""
    return "".join(row.model_dump_json() + "\n" for row in rows).encode()


def _refusal(what: str, remedy: str) -> InputError:
    return InputError(what, step="drift", where="inference log", remedy=remedy)
