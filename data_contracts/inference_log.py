"""The inference log's contract: what the served model was asked and answered, an object a window.

An object `inference/<name>/<window>.jsonl` holds one JSON row a request, with the fields of
`LogRow`; other fields are ignored. A window is an hour (`2026-03-01T14`) or a day (`2026-03-01`),
UTC, so that keys sort by time. Whoever serves the model writes it. Writes nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from data_contracts.errors import InputError
from data_contracts.records import Text

WINDOW = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"\d+(\.\d+)?")
# A count since 1970 says its unit by its size: seconds stay below 1e11 until the year 5138.
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000))


def _text_of_number(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else value


def _version_text(value: object) -> object:
    return "" if value is None else _text_of_number(value)


def _point_in_time(value: object) -> object:
    """Turn seconds, milliseconds, micro- or nanoseconds since 1970 into a time (UTC)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    for limit, per_second in _UNITS:
        if 0 < value < limit:
            return datetime.fromtimestamp(value / per_second, UTC)
    raise ValueError("no time")


class LogRow(BaseModel):
    """One request. The answer may be empty: a model that says nothing is worth seeing.

    `model` is the registered model's name, and may name the version too (`bells/3`, `bells@3`,
    `models:/bells/3`), as `version` (or `model_version`) may: its number or its digest. `time` is
    when it was answered: ISO 8601 with a zone, or a count since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, BeforeValidator(_text_of_number), StringConstraints(min_length=1)]
    time: Annotated[AwareDatetime, BeforeValidator(_point_in_time)]
    model: str
    prompt: Text
    answer: str
    version: Annotated[str, BeforeValidator(_version_text)] = Field(
        default="", validation_alias=AliasChoices("version", "model_version")
    )


FIELDS = frozenset({*LogRow.model_fields, "model_version"})


def read_row(value: Mapping[str, Any]) -> LogRow | str:
    """Return the row, or the reason why it is none, in words that quote nothing of it."""
    try:
        return LogRow.model_validate(value)
    except ValidationError as error:
        return _reason(error)


def _reason(error: ValidationError) -> str:
    """Return the first reason."""
    first = error.errors(include_url=False, include_context=False)[0]
    field, kind = str(first["loc"][0]) if first["loc"] else "row", first["type"]
    if kind == "missing":
        return f"no {field}"
    if first["input"] is None:
        return f"{field} is null"
    if kind == "timezone_aware":
        return "time without a zone"
    if kind in ("string_too_short", "too_short"):
        return f"{field} is empty"
    return f"{field} is no {'time' if field == 'time' else 'text'}"


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
    return "".join(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows).encode()


def _refusal(what: str, remedy: str) -> InputError:
    return InputError(what, step="drift", where="inference log", remedy=remedy)
