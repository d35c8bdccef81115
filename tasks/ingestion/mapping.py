"""From somebody's columns to our fields, and from our fields to a record.

A mapping says `our field = their column`; a dotted column looks inside (`answer.text`, `turns.0`).
Without one, the columns that a kind says are taken (`data_contracts.kinds`). Pure functions; writes
nothing.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.records import Record
from data_contracts.rows.text_alone import require_text_alone
from data_contracts.rows.values import Row, UnfitRowError
from tasks.ingestion.sources import STEP

REQUIRED: dict[RecordKind, tuple[str, ...]] = {
    kind: tuple(name for name, field in schema.model_fields.items() if field.is_required())
    for kind, schema in KINDS.items()
}


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
    fields = list(KINDS[kind].COLUMNS)
    if unknown := sorted(set(mapping) - set(fields)):
        raise InputError(
            f"a record of kind {kind} has no field {', '.join(unknown)}",
            step=STEP,
            where="mapping",
            remedy=f"its fields are {', '.join(fields)}; write our_field=their_column",
        )


def read_row(
    kind: RecordKind,
    columns: Mapping[str, Any],
    mapping: Mapping[str, str],
    others: Iterable[str] = (),
) -> tuple[Record, list[str]]:
    """Make a record of a row, and tell what in the row was not read (`Row.unread`).

    `others` are columns that the contract reads. UnfitRowError says why it makes no record.
    """
    row = Row(columns, KINDS[kind].COLUMNS, mapping)
    fields = KINDS[kind].read(row)
    try:
        record = KINDS[kind].model_validate(_clean(fields))
    except ValidationError as error:
        raise UnfitRowError(_reason(error)) from None
    require_text_alone(row, record.texts(), is_talk=bool(record.conversation()))
    return record, row.unread(others)


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
