"""A row of a source while it is read into a record: what is there, what was read, what was not.

A kind asks for its own names; where they stand in the row, a mapping or the kind's `COLUMNS` say.
What holds nothing (null, NaN, "", an empty list) is absent, wherever it stands: data sets that were
merged give every row, and every object in it, the keys of all. Pure; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

# Those that change what a row means, by the names that other tools give them. Only these are ever
# named to people: any other name may be somebody's data.
_WELL_KNOWN_NAMES = """
answer assistant_masks audio audios chat_template_kwargs chosen completion completion_mask
context contexts conversation conversations documents function_call functions history image
images input instruction kto_tag knowledge label loss loss_mask loss_scale mask masked messages
name output passage persona preamble prompt query question rationale reasoning reasoning_content
refusal rejected rejected_response response system system_message system_prompt thinking
tool_call_id tool_calls tools train training video videos weight weights
"""
WELL_KNOWN = frozenset(_WELL_KNOWN_NAMES.split())
OTHERS = "other columns"


class UnfitRowError(Exception):
    """A row that makes no record of this kind; the text is the reason, free of the row's data."""


class Row:
    """A row's values by our names. `names` are the columns of each, the first of which counts.

    A dotted column looks inside (`answer.text`, `turns.0`).
    """

    def __init__(self, columns: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> None:
        self._columns, self._names = columns, names
        self._read: dict[str, Any] = {}
        self._left: set[str] = set()

    def get(self, field: str) -> Any:
        """Return the value of one of our fields, or None."""
        for name in self._names.get(field, ()):
            value = look(self._columns, name)
            if not is_absent(value):
                self._read[name] = value
                return value
        return None

    def peek(self, field: str) -> Any:
        """Return what `get` returns, and do not take it for read."""
        name = self.column(field)
        return look(self._columns, name) if name else None

    def column(self, field: str) -> str:
        """Return the column in which a field is found; "" if nowhere."""
        names = self._names.get(field, ())
        return next((name for name in names if not is_absent(look(self._columns, name))), "")

    def text(self, field: str) -> str:
        """Return a field as text, "" if it is absent."""
        value = self.get(field)
        return "" if value is None else as_text(value, field)

    def require(self, *fields: str) -> None:
        """Raise UnfitRowError if any of these is missing."""
        if missing := [name for name in fields if self.get(name) is None]:
            raise UnfitRowError(f"missing {', '.join(missing)}")

    def leave(self, name: str) -> None:
        """Note something inside a value that is not read."""
        self._left.add(name)

    def unread_column(self, name: str) -> Any:
        """Return what a column, or a dotted one, holds that was not read; None if nothing."""
        value = None if name in self._read else look(self._columns, name)
        return None if is_absent(value) else value

    def unread(self, others: Iterable[str]) -> list[str]:
        """Return what holds something and was not read, for people: names, and `OTHERS`.

        `others` are columns that somebody else reads. A column that says what another one said that
        was read is none of them.
        """
        known = {name.partition(".")[0] for name in (*self._read, *others)} | {*self._read}
        found = set(self._left)
        for name, value in self._columns.items():
            if name not in known and not is_absent(value) and not self._is_said(value):
                found.add(name if name in WELL_KNOWN else OTHERS)
        return sorted(found)

    def _is_said(self, value: Any) -> bool:
        return any(value == read for read in self._read.values())


def look(row: Any, name: str) -> Any:
    """Return what stands in a column, or below a dotted one; None if nothing does."""
    if isinstance(row, Mapping) and name in row:
        return row[name]
    head, dot, rest = name.partition(".")
    if isinstance(row, Mapping):
        inner = row.get(head) if dot else None
    elif isinstance(row, Sequence) and not isinstance(row, str) and head.isdecimal():
        inner = row[int(head)] if int(head) < len(row) else None
    else:
        return None
    return look(inner, rest) if dot else inner


def is_absent(value: Any) -> bool:
    """Tell whether a value holds nothing; a number or a truth always holds something."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def present(item: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the keys of an object that hold something."""
    return {str(name): value for name, value in item.items() if not is_absent(value)}


def as_text(value: Any, field: str) -> str:
    """Return a value as the text it is: numbers and truths as JSON writes them.

    UnfitRowError for what has no one text: a list, an object, bytes, an infinite number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    kinds = {list: "a list", tuple: "a list", dict: "an object", float: "an infinite number"}
    raise UnfitRowError(f"{field} is {kinds.get(type(value), 'bytes')}, not text")
