"""Tells a person early that the source cannot be what they say: a wrong kind, an unknown column.

Looks at the first rows of a source. Pure functions; writes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.rows.values import UnfitRowError, look
from tasks.ingestion.mapping import REQUIRED, read_row
from tasks.ingestion.readers import RawRow
from tasks.ingestion.sources import STEP

ROWS_LOOKED_AT = 200
_COLUMNS_SHOWN, _REASONS_SHOWN = 20, 5
Unread = Callable[[Sequence[str]], str]  # of a record's texts, the language that nobody reads
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.-]{0,40}")


@dataclass(frozen=True, slots=True)
class Look:
    """What became of the first rows: how many there were, and how many of them make no record.

    `unfit` counts the reasons, which hold nothing of a row, `unread` what the others leave unread.
    `languages` counts the records that no names model can read, which are held back if
    `held_for_language`. `whole` says that there are no more rows than these.
    """

    rows: int
    unfit: Mapping[str, int]
    unread: Mapping[str, int]
    languages: Mapping[str, int] = field(default_factory=dict[str, int])
    whole: bool = False
    held_for_language: bool = True

    def words(self) -> list[str]:
        """Return what a person should know before the work begins, a line each."""
        lines: list[str] = []
        if self.unfit:
            unfit = sum(self.unfit.values())
            lines.append(
                f"{unfit} of the first {self.rows} rows make no record: {_most(self.unfit)}"
            )
        if self.unread:
            lines.append(f"not read, in the first {self.rows} rows: {_most(self.unread)}")
        if self.languages:
            fate = "they are held back" if self.held_for_language else "names stay in them"
            lines.append(
                f"no names model reads the language of {sum(self.languages.values())} of the first "
                f"{self.rows} rows, so {fate}: {_most(self.languages)}"
            )
        return lines


def every_language(texts: Sequence[str]) -> str:
    """Return nothing: every language is read."""
    return ""


def require_fitting(
    rows: Sequence[RawRow],
    kind: RecordKind,
    mapping: Mapping[str, str],
    where: str,
    redact: Callable[[str], str],
    others: Sequence[str] = (),
    unread_language: Unread = every_language,
) -> Look:
    """Return how the rows fit; InputError if a mapped column is unknown or if not one row fits.

    `others` are columns that the contract reads. `redact` cleans column names, for the header of a
    file without one is its first row.
    """
    readable = [row for row in rows if row.value is not None]
    if rows and not readable:
        reasons = ", ".join(sorted({row.broken for row in rows}))
        remedy = "give JSON lines, a JSON array of objects, CSV or Parquet"
        raise InputError(f"no row can be read: {reasons}", step=STEP, where=where, remedy=remedy)
    for name in sorted(set(mapping) & set(REQUIRED[kind])):
        if readable and all(look(row.value, mapping[name]) is None for row in readable):
            raise InputError(
                f"unknown column {mapping[name]!r}: the columns are {_columns(readable, redact)}",
                step=STEP,
                where=where,
                remedy=f"map {name} to one of them",
            )
    found = _looked_at(rows, kind, mapping, others, unread_language)
    if not readable or sum(found.unfit.values()) < len(rows):
        return found
    raise InputError(
        f"not one of the first {len(rows)} rows is of kind {kind}: {_most(found.unfit)}; "
        f"the columns are {_columns(readable, redact)}",
        step=STEP,
        where=where,
        remedy=_advice(readable, kind, found.unfit),
    )


def require_columns_seen(unseen: Mapping[str, str], where: str) -> None:
    """Raise InputError for mapped columns that no row of the whole source had."""
    if unseen:
        columns = ", ".join(f"{theirs!r}" for theirs in unseen.values())
        remedy = f"leave {', '.join(unseen)} out of the mapping, or correct the name"
        raise InputError(f"unknown column {columns}", step=STEP, where=where, remedy=remedy)


def _looked_at(
    rows: Sequence[RawRow],
    kind: RecordKind,
    mapping: Mapping[str, str],
    others: Sequence[str],
    unread_language: Unread = every_language,
) -> Look:
    unfit: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for row in rows:
        try:
            if row.value is None:
                raise UnfitRowError(row.broken)
            record, left = read_row(kind, row.value, mapping, others)
            unread.update(left)
            if language := unread_language(record.texts()):
                languages[language] += 1
        except UnfitRowError as error:
            unfit[str(error)] += 1
    return Look(len(rows), unfit, unread, languages)


def _most(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{what} ({count})" for what, count in most[:_REASONS_SHOWN])
    return shown + (f" and {len(most) - _REASONS_SHOWN} more" if most[_REASONS_SHOWN:] else "")


def _advice(rows: Sequence[RawRow], kind: RecordKind, unfit: Mapping[str, int]) -> str:
    for other in KINDS:
        if other != kind and sum(_looked_at(rows, other, {}, ()).unfit.values()) < len(rows):
            return f"they fit --kind {other}; or map columns: our_field=their_column"
    if any(reason.startswith("missing") for reason in unfit):
        fields = ", ".join(REQUIRED[kind])
        return f"kind {kind} needs {fields}: map them to columns, our_field=their_column"
    return "repair the rows in the source: the reasons are their own"


def _columns(rows: Sequence[RawRow], redact: Callable[[str], str]) -> str:
    names = dict.fromkeys(str(name) for row in rows for name in row.value or {})
    shown = list(names)[:_COLUMNS_SHOWN]
    clean = [name if _IDENTIFIER.fullmatch(name) else redact(name)[:40] for name in shown]
    more = len(names) - len(shown)
    return ", ".join(clean) + (f" and {more} more" if more else "")
