"""Tells a person early that the source cannot be what they say: a wrong kind, an unknown column.

Looks at the first rows of a source. Pure functions; writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.row import UnfitRowError, look
from tasks.ingestion.mapping import REQUIRED, to_record
from tasks.ingestion.readers import RawRow
from tasks.ingestion.sources import STEP

ROWS_LOOKED_AT = 200
_COLUMNS_SHOWN = 20
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.-]{0,40}")


def require_fitting(
    rows: Sequence[RawRow],
    kind: RecordKind,
    mapping: Mapping[str, str],
    where: str,
    redact: Callable[[str], str],
) -> None:
    """Raise InputError if a mapped column is unknown or if not one of the rows fits the kind.

    `redact` cleans column names, for the header of a file without one is its first row.
    """
    readable = [row for row in rows if row.value is not None]
    if rows and not readable:
        reasons = ", ".join(sorted({row.broken for row in rows}))
        remedy = "give JSON lines, a JSON array of objects, CSV or Parquet"
        raise InputError(f"no row can be read: {reasons}", step=STEP, where=where, remedy=remedy)
    seen = f"the columns are {_columns(readable, redact)}"
    for field in sorted(set(mapping) & set(REQUIRED[kind])):
        if readable and all(look(row.value, mapping[field]) is None for row in readable):
            raise InputError(
                f"unknown column {mapping[field]!r}: {seen}",
                step=STEP,
                where=where,
                remedy=f"map {field} to one of them",
            )
    if not readable or _fits(readable, kind, mapping):
        return
    raise InputError(
        f"not one of the first {len(readable)} rows is of kind {kind}: {seen}",
        step=STEP,
        where=where,
        remedy=_advice(readable, kind),
    )


def require_columns_seen(unseen: Mapping[str, str], where: str) -> None:
    """Raise InputError for mapped columns that no row of the whole source had."""
    if unseen:
        columns = ", ".join(f"{theirs!r}" for theirs in unseen.values())
        remedy = f"leave {', '.join(unseen)} out of the mapping, or correct the name"
        raise InputError(f"unknown column {columns}", step=STEP, where=where, remedy=remedy)


def _fits(rows: Sequence[RawRow], kind: RecordKind, mapping: Mapping[str, str]) -> bool:
    for row in rows:
        try:
            to_record(kind, row.value or {}, mapping)
        except UnfitRowError:
            continue
        return True
    return False


def _advice(rows: Sequence[RawRow], kind: RecordKind) -> str:
    for other in KINDS:
        if other != kind and _fits(rows, other, {}):
            return f"they fit --kind {other}; or map columns: our_field=their_column"
    fields = ", ".join(REQUIRED[kind])
    return f"kind {kind} needs {fields}: map them to columns, our_field=their_column"


def _columns(rows: Sequence[RawRow], redact: Callable[[str], str]) -> str:
    names = dict.fromkeys(str(name) for row in rows for name in row.value or {})
    shown = list(names)[:_COLUMNS_SHOWN]
    clean = [name if _IDENTIFIER.fullmatch(name) else redact(name)[:40] for name in shown]
    more = len(names) - len(shown)
    return ", ".join(clean) + (f" and {more} more" if more else "")
