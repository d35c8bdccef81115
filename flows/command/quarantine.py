"""`paddock quarantine`: what was held back or dropped as a duplicate, and why; and its release.

Rows are numbered through: those in quarantine, then the duplicates. One is shown in full, redacted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from data_contracts.errors import InputError
from data_contracts.snapshot.reading import read_duplicates, read_quarantine
from flows.asking.row_parameters import QuarantineParameters
from flows.workshop.parts import Workshop
from tasks.ingestion.data_docs import DATA_DOCS
from tasks.ingestion.releases import STEP, Release, release_row, released_rows
from tasks.storage.outputs import Reference
from tasks.storage.stages import REFUSED, SNAPSHOT

_SHOWN = 50
_BEGINNING = 60  # characters of a row in the list


def quarantine(workshop: Workshop, parameters: QuarantineParameters) -> str:
    """Do what was asked and return what to say, as text."""
    reference = _held(workshop, parameters.snapshot)
    with _rows(workshop, reference) as rows:
        if parameters.action == "list":
            return _listed(workshop, reference, rows, parameters.reason)
        row = _chosen(rows, parameters)
    return _shown(row) if parameters.action == "show" else _released(workshop, row, parameters)


@contextmanager
def _rows(workshop: Workshop, reference: Reference) -> Generator[Iterator[dict[str, Any]]]:
    """Give the rows one by one: a quarantine may be larger than memory."""
    with workshop.outputs.borrow(reference) as folder:
        yield chain(read_quarantine(folder), read_duplicates(folder))


def _held(workshop: Workshop, digest: str) -> Reference:
    """Return the snapshot, or the ingestion that broke its contract, whose digest begins so.

    Without one, the newest of both.
    """
    both = [*workshop.outputs.every(REFUSED), *workshop.outputs.every(SNAPSHOT)]
    every = sorted(both, key=lambda one: one[1].created_at)
    fitting = [reference for reference, _ in every if reference.digest.startswith(digest)]
    if not fitting:
        raise InputError(
            "there is no such snapshot" if digest else "there is no snapshot yet",
            step=STEP,
            where=digest or workshop.store.uri,
            remedy="`paddock run` or `paddock ingest` makes one and prints its digest",
        )
    return fitting[-1]


def _listed(
    workshop: Workshop, reference: Reference, rows: Iterable[dict[str, Any]], reason: str
) -> str:
    released = released_rows(workshop.store)
    reasons: Counter[str] = Counter()
    shown: list[str] = []
    held = dropped = 0
    for number, row in enumerate(rows, 1):
        held, dropped = (held, dropped + 1) if row.get("same_as") else (held + 1, dropped)
        if reason in row["reason"]:
            reasons[row["reason"]] += 1
            if len(shown) < _SHOWN:
                shown.append(_line(number, row, released))
    duplicates = f", and {dropped} dropped as duplicates" if dropped else ""
    lines = [f"{_title(workshop, reference)}: {held} rows in quarantine{duplicates}"]
    lines += [f"  {count:6}  {why}" for why, count in reasons.most_common()]
    if shown:
        lines += ["", "  row     source, line; reason; beginning", *shown]
    if (more := reasons.total() - len(shown)) > 0:
        lines.append(f"  and {more} more: --reason TEXT shows some reasons only")
    return "\n".join(lines)


def _title(workshop: Workshop, reference: Reference) -> str:
    if reference.stage == SNAPSHOT.name:
        return f"Snapshot {reference.digest[:16]}"
    page = f"{workshop.store.uri}/{reference.key}/{DATA_DOCS}"
    return f"Ingestion {reference.digest[:16]}, which broke its contract ({page})"


def _line(number: int, row: dict[str, Any], released: frozenset[str]) -> str:
    mark = " (released)" if row["id"] in released else ""
    beginning = " ".join(row["row"][: 4 * _BEGINNING].split())[:_BEGINNING]
    where = f"{row['source']}, line {row['line']}"
    stays = f" (of {row['same_as'][:16]})" if row.get("same_as") else ""
    return f"  {number:<6}  {where}; {row['reason']}{stays}{mark}; {beginning}"


def _chosen(rows: Iterator[dict[str, Any]], parameters: QuarantineParameters) -> dict[str, Any]:
    number = parameters.row or 0
    before = sum(1 for _ in islice(rows, max(0, number - 1)))
    row = next(rows, None) if number else None
    if row is None:
        raise InputError(
            f"there is no row {number} among the {before} here" if number else "which row?",
            step=STEP,
            where="--row",
            remedy="`paddock quarantine list` numbers the rows",
        )
    return row


def _shown(row: dict[str, Any]) -> str:
    cut = "none: the row makes no record, and only its beginning is kept"
    stays = ""
    if row.get("same_as"):
        stays = f"stays   {row['same_as']} (`paddock lineage --row {row['same_as'][:16]}`)\n"
    return (
        f"source  {row['source']}, line {row['line']}\nreason  {row['reason']}\n"
        f"id      {row['id'] or cut}\n{stays}\n{row['row']}"
    )


def _released(workshop: Workshop, row: dict[str, Any], parameters: QuarantineParameters) -> str:
    if not row["id"]:
        raise InputError(
            "this row cannot be released: it makes no record of its kind",
            step=STEP,
            where=f"{row['source']}, line {row['line']}: {row['reason']}",
            remedy="repair it in the source and run ingestion again",
        )
    if row.get("same_as") == row["id"]:
        raise InputError(
            "this row cannot be released: another one with the same content stays",
            step=STEP,
            where=f"{row['source']}, line {row['line']}: {row['reason']}",
            remedy="nothing is lost without it",
        )
    if not parameters.person or not parameters.reason:
        raise InputError(
            "a release says who and why",
            step=STEP,
            where="--person, --reason",
            remedy='paddock quarantine release --row N --person NAME --reason "why it may be used"',
        )
    release = Release(
        row=row["id"],
        source=row["source"],
        line=row["line"],
        held_for=row["reason"],
        person=parameters.person,
        reason=parameters.reason,
    )
    release_row(workshop.store, release)
    return (
        f"{row['source']}, line {row['line']} is released by {parameters.person}: "
        "the next ingestion of its source keeps it"
    )
