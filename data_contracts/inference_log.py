"""The inference log's contract: what the served model was asked and answered, by windows.

An object `inference/<name>/<window>.jsonl` holds one JSON row a request, with the fields of
`LogRow`; other fields are ignored. A window is an hour (`2026-03-01T14`) or a day (`2026-03-01`),
UTC, so that keys sort by time; several writers put a part behind it (`2026-03-01T14.pod-7.jsonl`).
Whoever serves the model writes it. Writes nothing itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, NoReturn

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from data_contracts.errors import InputError
from data_contracts.log_values import (
    REASONS,
    WRONG,
    Cost,
    Feedback,
    Hits,
    Plain,
    Seconds,
    Tokens,
    Truth,
    Turns,
    read_feedback,
    wrong,
)
from data_contracts.records import Text

WINDOW = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"\d+(\.\d+)?")
# A count since 1970 says its unit by its size: seconds stay below 1e11 until the year 5138.
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000))


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


# As servers and proxies call our fields.
ALIASES = {
    "model_version": "version",
    "weights_digest": "weights",
    "model_digest": "weights",
    "tokenizer_digest": "tokenizer",
    "index_version": "index",
    "tenant_id": "tenant",
    "input_tokens": "prompt_tokens",
    "completion_tokens": "answer_tokens",
    "output_tokens": "answer_tokens",
    "time_to_first_token": "first_token_seconds",
    "ttft": "first_token_seconds",
    "total_seconds": "seconds",
    "stop_reason": "finish_reason",
    "retrieval_hits": "hits",
    "user_feedback": "feedback",
    "thumbs": "feedback",
    "training_consent": "consent",
    "response_cost": "cost",
}
MILLISECONDS = {"ttft_ms": "first_token_seconds", "total_ms": "seconds"}
_OTHERS = frozenset({*ALIASES, *MILLISECONDS})


class LogRow(BaseModel):
    """One request. The answer may be empty: a model that says nothing is worth seeing.

    `model` is the registered model's name, and may name the version too (`bells/3`, `bells@3`,
    `models:/bells/3`), as `version` (or `model_version`) may: its number or its digest. `time` is
    when it was answered: ISO 8601 with a zone, or a count since 1970. `prompt` is the last thing
    the user said, `messages` the whole conversation that it ended. The rest is optional, and null
    is as good as absent; what is there and wrong refuses the row.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, StringConstraints(min_length=1)]
    time: Annotated[AwareDatetime, BeforeValidator(_point_in_time)]
    model: str
    prompt: Text
    answer: str
    version: str = ""
    weights: Plain = Field(default="", description="Digest of the weights that answered.")
    tokenizer: Plain = ""
    index: Plain = Field(default="", description="Version of the index that was searched.")
    tenant: Plain = ""
    variant: Literal["", "champion", "baseline", "canary", "small"] = ""
    prompt_tokens: Tokens | None = None
    answer_tokens: Tokens | None = None
    truncated: Truth | None = Field(default=None, description="The prompt did not fit whole.")
    first_token_seconds: Seconds | None = None
    seconds: Seconds | None = None
    finish_reason: Plain = ""
    cost: Cost | None = None
    consent: Truth | None = Field(default=None, description="It may be trained on.")
    feedback: Annotated[Feedback, BeforeValidator(read_feedback)] | None = None
    hits: Hits = ()
    messages: Turns = ()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return _under_our_names(value) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _in_order(self) -> LogRow:
        first, whole = self.first_token_seconds, self.seconds
        if first is not None and whole is not None and first > whole:
            wrong("first_token_seconds is above seconds")
        try:
            self.time.astimezone(UTC)
        except OverflowError:
            wrong("time is no time")  # before the year 1, or after 9999, as UTC has it
        return self

    @property
    def names_version(self) -> bool:
        """Tell whether it says itself which version answered: a number or a digest."""
        return bool(self.weights) or _names_version(self.version, self.model)


@lru_cache(maxsize=64)  # a log names few, many times
def _names_version(version: str, model: str) -> bool:
    named = _VERSION.fullmatch(version.strip()) or _VERSION_IN_NAME.search(model.strip())
    return named is not None


FIELDS = frozenset({*LogRow.model_fields, *_OTHERS})
_KEYS = ("id", "version", "weights", "tokenizer", "index", "tenant", "finish_reason")
_COUNTS = ("prompt_tokens", "answer_tokens")
_REQUIRED = frozenset({"id", "time", "model", "prompt", "answer"})
_VERSION = re.compile(r"v?\d{1,9}|[0-9a-f]{12,64}", re.IGNORECASE)
_VERSION_IN_NAME = re.compile(rf"[@/:]({_VERSION.pattern})$|^[0-9a-f]{{12,64}}$", re.IGNORECASE)


def _under_our_names(value: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a row with our names of its fields, seconds for milliseconds, and without nulls."""
    row = dict(value)
    if None in row.values():
        row = {
            name: entry for name, entry in value.items() if entry is not None or name in _REQUIRED
        }
    for name in sorted(_OTHERS.intersection(row)):  # of two reasons always the same one
        entry, field = row.pop(name), ALIASES.get(name) or MILLISECONDS[name]
        if name in MILLISECONDS and isinstance(entry, int | float) and not isinstance(entry, bool):
            entry = entry / 1000
        if row.setdefault(field, entry) != entry:
            wrong(f"{field} stands there twice, and differs")
    for name in _KEYS:
        if type(row.get(name)) is int:
            row[name] = str(row[name])
    for name in _COUNTS:  # a column of Parquet with gaps has whole numbers as 12.0
        if isinstance(count := row.get(name), float):
            row[name] = int(count) if count.is_integer() else _no_count(name, count)
    return row


def _no_count(name: str, count: float) -> NoReturn:
    wrong(f"{name} is no {'whole ' if math.isfinite(count) else ''}number")


def read_row(value: Mapping[str, Any]) -> LogRow | str:
    """Return the row, or the reason why it is none, in words that quote nothing of it."""
    try:
        return LogRow.model_validate(value)
    except ValidationError as error:
        return _reason(error)


def _reason(error: ValidationError) -> str:
    """Return the first reason."""
    first = error.errors(include_url=False, include_context=False)[0]
    field, kind = str(first["loc"][0]) if first["loc"] else "", first["type"]
    if kind == WRONG:
        return f"{field} {first['msg']}".strip()
    if kind == "missing":
        return f"no {field}"
    if first["input"] is None:
        return f"{field or 'row'} is null"
    if kind == "timezone_aware":
        return "time without a zone"
    if kind in ("string_too_short", "too_short"):
        return f"{field} is empty"
    if kind in REASONS:
        return f"{field} {REASONS[kind]}"
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
