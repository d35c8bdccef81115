"""From somebody's columns to our fields, and from our fields to a record.

A mapping says `our field = their column`; a dotted column looks inside (`answer.text`, `turns.0`).
Without one, columns of our own names are taken, and for chats the common shapes `messages`
(role/content) and `conversations` (from/value). Pure functions; writes nothing.
"""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_contracts.errors import InputError
from data_contracts.records import SCHEMAS, Record, RecordKind
from tasks.ingestion.sources import STEP

ALIASES: dict[str, tuple[str, ...]] = {"messages": ("conversations", "conversation")}
REQUIRED: dict[RecordKind, tuple[str, ...]] = {
    kind: tuple(name for name, field in schema.model_fields.items() if field.is_required())
    for kind, schema in SCHEMAS.items()
}
ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


class UnfitRowError(Exception):
    """A row that makes no record of this kind; the text is the reason, free of the row's data."""


def parse_mapping(text: str) -> dict[str, str]:
    """Read `instruction=question,output=answer`."""
    mapping: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        ours, equals, theirs = (piece.strip() for piece in part.partition("="))
        if not (ours and equals and theirs):
            raise InputError(
                "a mapping is made of pairs",
                step=STEP,
                where=f"mapping {text!r}",
                remedy="write our_field=their_column, with commas between the pairs",
            )
        mapping[ours] = theirs
    return mapping


def load_mapping(path: Path) -> dict[str, str]:
    """Read a mapping from a TOML file: `instruction = "question"`, also below `[mapping]`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("the mapping cannot be read", step=STEP, where=str(path)) from error
    table = table.get("mapping", table)
    if not isinstance(table, dict) or not all(isinstance(item, str) for item in table.values()):
        raise InputError(
            'a mapping holds lines like instruction = "question"', step=STEP, where=str(path)
        )
    return dict(table)


def require_known_fields(kind: RecordKind, mapping: Mapping[str, str]) -> None:
    """Raise InputError if a mapping names a field that this kind does not have."""
    fields = list(SCHEMAS[kind].model_fields)
    if unknown := sorted(set(mapping) - set(fields)):
        raise InputError(
            f"a record of kind {kind} has no field {', '.join(unknown)}",
            step=STEP,
            where="mapping",
            remedy=f"its fields are {', '.join(fields)}; write our_field=their_column",
        )


def to_record(kind: RecordKind, row: Mapping[str, Any], mapping: Mapping[str, str]) -> Record:
    """Make a record of a row; UnfitRowError says why it makes none."""
    fields = {name: column_value(row, name, mapping) for name in SCHEMAS[kind].model_fields}
    missing = [name for name in REQUIRED[kind] if fields[name] is None]
    if missing:
        raise UnfitRowError(f"missing {', '.join(missing)}")
    present = {name: value for name, value in fields.items() if value is not None}
    if kind == "chat":
        present["messages"] = _messages(present["messages"])
    try:
        return SCHEMAS[kind].model_validate(_clean(present))
    except ValidationError as error:
        raise UnfitRowError(_reason(error)) from None


def column_value(row: Mapping[str, Any], field: str, mapping: Mapping[str, str]) -> Any:
    """Return a row's value for one of our fields, or None."""
    found = (_look(row, name) for name in _names(field, mapping))
    return next((value for value in found if value is not None), None)


def known_columns(
    kind: RecordKind, mapping: Mapping[str, str], others: Iterable[str]
) -> frozenset[str]:
    """Return the columns that a field may be read from, and the `others`; any more are extra."""
    read = {name for field in SCHEMAS[kind].model_fields for name in _names(field, mapping)}
    read.update(others)
    return frozenset(read | {name.partition(".")[0] for name in read})


def _names(field: str, mapping: Mapping[str, str]) -> tuple[str, ...]:
    return (mapping[field],) if field in mapping else (field, *ALIASES.get(field, ()))


def _look(row: Any, name: str) -> Any:
    if isinstance(row, Mapping) and name in row:
        return row[name]
    head, dot, rest = name.partition(".")
    if isinstance(row, Mapping):
        inner = row.get(head) if dot else None
    elif isinstance(row, Sequence) and not isinstance(row, str) and head.isdecimal():
        inner = row[int(head)] if int(head) < len(row) else None
    else:
        return None
    return _look(inner, rest) if dot else inner


def _messages(value: Any) -> list[dict[str, Any]]:
    """Normalize turns: our names for roles, and turns of one speaker in a row made one."""
    if isinstance(value, str):  # as CSV has to hold it
        try:
            value = json.loads(value)
        except ValueError:
            raise UnfitRowError("messages are not JSON") from None
    if not isinstance(value, list):
        raise UnfitRowError("messages are not a list")
    turns: list[dict[str, Any]] = []
    for item in value:
        if not isinstance(item, Mapping):
            raise UnfitRowError("a message is not an object")
        role = _role(item.get("role", item.get("from")))
        content = item.get("content", item.get("value"))
        if not isinstance(content, str) or not content.strip():
            raise UnfitRowError("a message without text")
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += f"\n{content}"
        else:
            turns.append({"role": role, "content": content})
    if len(turns) < 2:
        raise UnfitRowError("fewer than two messages")
    return turns


def _role(value: Any) -> str:
    role = value.strip().lower() if isinstance(value, str) else ""
    role = ROLES.get(role, role)
    if role not in ("system", "user", "assistant"):
        raise UnfitRowError("an unknown role")
    return role


def _clean(value: Any) -> Any:
    """Normalize every string: one Unicode form, one kind of line end; refuse what is no text."""
    if isinstance(value, str):
        if "\0" in value:
            raise UnfitRowError("NUL character")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise UnfitRowError("bad UTF-8") from None
        return unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    return value


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(part for part in first["loc"] if isinstance(part, str))
    what = str(first["msg"]).removeprefix("Value error, ")
    return f"{place}: {what}" if place else what
