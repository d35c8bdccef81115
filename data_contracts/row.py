"""A row of a source while it is read into a record.

A kind asks for its own names; where they stand in the row, a mapping or the kind's `COLUMNS` say.
Pure; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class UnfitRowError(Exception):
    """A row that makes no record of this kind; the text is the reason, free of the row's data."""


class Row:
    """A row's values by our names. `names` are the columns of each, the first of which counts.

    A dotted column looks inside (`answer.text`, `turns.0`).
    """

    def __init__(self, columns: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> None:
        self._columns, self._names = columns, names

    def get(self, field: str) -> Any:
        """Return the value of one of our fields, or None."""
        found = (look(self._columns, name) for name in self._names.get(field, ()))
        return next((value for value in found if value is not None), None)

    def require(self, *fields: str) -> None:
        """Raise UnfitRowError if any of these is missing."""
        if missing := [name for name in fields if self.get(name) is None]:
            raise UnfitRowError(f"missing {', '.join(missing)}")


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
