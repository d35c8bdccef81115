"""`paddock quarantine`: what was held back and why, one row in full (redacted), and its release."""

from __future__ import annotations

from collections import Counter
from typing import Any

from data_contracts.errors import InputError
from data_contracts.snapshot import read_quarantine
from flows.parameters import QuarantineParameters
from flows.workshop import Workshop
from tasks.ingestion.releases import STEP, Release, release_row, released_rows
from tasks.ingestion.steps import STAGE as SNAPSHOT
from tasks.storage.outputs import Reference

_SHOWN = 50
_BEGINNING = 60  # characters of a row in the list


def quarantine(workshop: Workshop, parameters: QuarantineParameters) -> str:
    """Do what was asked and return what to say, as text."""
    reference = _snapshot(workshop, parameters.snapshot)
    with workshop.outputs.borrow(reference) as folder:
        rows = list(read_quarantine(folder))
    if parameters.action == "list":
        return _listed(workshop, reference, rows, parameters.reason)
    row = _chosen(rows, parameters)
    return _shown(row) if parameters.action == "show" else _released(workshop, row, parameters)


def _snapshot(workshop: Workshop, digest: str) -> Reference:
    """Return the snapshot whose digest begins so, or the newest."""
    every = sorted(workshop.outputs.every(SNAPSHOT), key=lambda one: one[1].created_at)
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
    workshop: Workshop, reference: Reference, rows: list[dict[str, Any]], reason: str
) -> str:
    released = released_rows(workshop.store)
    numbered = [(n, row) for n, row in enumerate(rows, 1) if reason in row["reason"]]
    lines = [f"Snapshot {reference.digest[:16]}: {len(rows)} rows in quarantine"]
    reasons = Counter(row["reason"] for _, row in numbered)
    lines += [f"  {count:6}  {why}" for why, count in reasons.most_common()]
    if numbered:
        lines += ["", "  row     source, line; reason; beginning"]
    for number, row in numbered[:_SHOWN]:
        mark = " (released)" if row["id"] in released else ""
        beginning = " ".join(row["row"].split())[:_BEGINNING]
        where = f"{row['source']}, line {row['line']}"
        lines.append(f"  {number:<6}  {where}; {row['reason']}{mark}; {beginning}")
    if len(numbered) > _SHOWN:
        lines.append(f"  and {len(numbered) - _SHOWN} more: --reason TEXT shows some reasons only")
    return "\n".join(lines)


def _chosen(rows: list[dict[str, Any]], parameters: QuarantineParameters) -> dict[str, Any]:
    number = parameters.row or 0
    if not 1 <= number <= len(rows):
        raise InputError(
            f"there is no row {number} in this quarantine of {len(rows)}",
            step=STEP,
            where="--row",
            remedy="`paddock quarantine list` numbers the rows",
        )
    return rows[number - 1]


def _shown(row: dict[str, Any]) -> str:
    return (
        f"source  {row['source']}, line {row['line']}\nreason  {row['reason']}\n"
        f"id      {row['id'] or 'none: the row makes no record'}\n\n{row['row']}"
    )


def _released(workshop: Workshop, row: dict[str, Any], parameters: QuarantineParameters) -> str:
    if not row["id"]:
        raise InputError(
            "this row cannot be released: it makes no record of its kind",
            step=STEP,
            where=f"{row['source']}, line {row['line']}: {row['reason']}",
            remedy="repair it in the source and run ingestion again",
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
