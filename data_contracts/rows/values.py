"""A row of a source while it is read into a record: what is there, what was read, what was not.

A kind asks for its own names; where they stand in the row, a mapping or the kind's `COLUMNS` say.
What holds nothing (null, NaN, "", a list or an object of nothing else) is absent, wherever it
stands: data sets that were merged give every row, and every object in it, the keys of all. Pure;
writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
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
_NO_TEXT: dict[Any, str] = {
    type(None): "null",
    list: "a list",
    tuple: "a list",
    Mapping: "an object",
    float: "an infinite number",
    Decimal: "an infinite number",
    bytes: "bytes",
    bytearray: "bytes",
    time: "a time of day",
    timedelta: "a span of time",
}


class UnfitRowError(Exception):
    """A row that makes no record of this kind; the text is the reason, free of the row's data."""


class Row:
    """A row's values by our names. `names` are the columns of each, the first of which counts.

    A dotted column looks inside (`answer.text`, `turns.0`). `mapping` says where somebody wants a
    field read, which counts before `names`; no other field is read from there.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        names: Mapping[str, tuple[str, ...]],
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        self._mapping = mapping or {}
        given = set(self._mapping.values())
        if given:
            names = {
                field: tuple(name for name in columns_of if name not in given)
                for field, columns_of in names.items()
            } | {field: (column,) for field, column in self._mapping.items()}
        self._names = names
        self._columns = columns
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

    def is_mapped(self, *fields: str) -> bool:
        """Tell whether a mapping names one of these fields and the row has what it names."""
        return any(field in self._mapping and self.column(field) for field in fields)

    def beside(self, field: str, is_one: Callable[[str], object]) -> dict[str, Any]:
        """Return the column of a field, and those whose names are such and that are no field's."""
        own = self.column(field)
        names = dict.fromkeys([name for name in (own, *self._columns) if name and is_one(name)])
        names |= {own: None} if own else {}
        if not names:
            return {}
        taken = {self.column(other) for other in self._names if other != field}
        found = {name: look(self._columns, name) for name in names if name not in taken}
        return {name: value for name, value in found.items() if not is_absent(value)}

    def take(self, name: str) -> None:
        """Note a column as read."""
        self._read[name] = look(self._columns, name)

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
        known = {*self._read, *others}
        dotted = [name for name in known if "." in name and name not in self._columns]
        found = set(self._left)
        for name, value in self._columns.items():
            if name in known or is_absent(value) or self._is_said(name, value):
                continue
            inside = _inside(name, dotted)
            if inside:
                found |= {_named_inside(name, key) for key in _left_inside(value, inside)}
            else:
                found.add(name if name in WELL_KNOWN else OTHERS)
        return sorted(found)

    def _is_said(self, name: str, value: Any) -> bool:
        """Tell whether a column repeats what was read, in a field's other column or at length.

        A well-known column that only happens to hold the same word or number says its own thing.
        """
        same = [one for one, read in self._read.items() if _is_same(value, read)]
        if not same or name not in WELL_KNOWN or not isinstance(value, str):
            return bool(same)
        fields = [columns for columns in self._names.values() if name in columns]
        return any(one in columns for columns in fields for one in same)


def _is_same(value: Any, read: Any) -> bool:
    return type(value) is type(read) and value == read and isinstance(value, str | list | dict)


def _left_inside(value: Any, read: Iterable[str]) -> list[str]:
    """Return the keys of a value below which something stands that is at none of these places."""
    items: Any = enumerate(value) if isinstance(value, list | tuple) else ()
    left: list[str] = []
    for key, inner in value.items() if isinstance(value, Mapping) else items:
        name = str(key)
        inside = _inside(name, read)
        if name in read or is_absent(inner) or (inside and not _left_inside(inner, inside)):
            continue
        left.append(name)
    return left


def _inside(name: str, dotted: Iterable[str]) -> list[str]:
    return [one.removeprefix(f"{name}.") for one in dotted if one.startswith(f"{name}.")]


def _named_inside(column: str, key: str) -> str:
    if column not in WELL_KNOWN:
        return OTHERS
    return f"{column}: {key if key in WELL_KNOWN else 'other keys'}"


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
    """Tell whether a value, and all that it holds, is nothing; a number or a truth is something."""
    if isinstance(value, str):
        return not value
    waiting = [value]  # and no recursion: a row may be as deep as it likes
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, float):
            if not math.isnan(one):
                return False
        elif one is not None and one != "":
            return False
    return True


def present(item: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the keys of an object that hold something."""
    return {str(name): value for name, value in item.items() if not is_absent(value)}


def as_text(value: Any, field: str) -> str:
    """Return a value as the text it is: numbers and truths as JSON writes them.

    UnfitRowError, by what it is, for what has no one text: a list, bytes, an infinite number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float | Decimal) and math.isfinite(value)):
        return str(value)
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    name = next((name for kind, name in _NO_TEXT.items() if isinstance(value, kind)), "")
    raise UnfitRowError(f"{field} is {name or type(value).__name__}, not text")
