"""A look at a source's first rows before anything heavy is loaded: can it be what it is said to be?

Needs a resolved source. Writes nothing but scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from data_contracts.contracts import DatasetContract
from data_contracts.errors import ContractError
from tasks.ingestion.fitting import (
    ROWS_LOOKED_AT,
    Look,
    Unread,
    every_language,
    require_fitting,
)
from tasks.ingestion.limits import Limits
from tasks.ingestion.mapping import require_known_fields
from tasks.ingestion.readers import read_rows
from tasks.ingestion.sources import STEP, Source


def require_usable(
    source: Source,
    contract: DatasetContract,
    mapping: Mapping[str, str],
    limits: Limits,
    scratch: Path,
    redact: Callable[[str], str],
    max_rows: int | None = None,
    unread_language: Unread = every_language,
) -> Look:
    """Return how the first rows fit; InputError where none does or where a mapped column lacks.

    `redact` is called only where the error has to show the name of an odd column. Of `max_rows`, no
    more are looked at than are read. `unread_language` names the language in a record that no names
    model reads.
    """
    require_known_fields(contract.kind, mapping)
    count = min(ROWS_LOOKED_AT, max_rows or ROWS_LOOKED_AT)
    first = list(islice(read_rows(source, scratch, limits), count))
    found = require_fitting(
        first,
        contract.kind,
        mapping,
        source.given,
        redact,
        contract.columns_read,
        unread_language,
    )
    held = contract.privacy.names == "strict"
    return replace(found, whole=len(first) < count, held_for_language=held)


def require_enough(found: Look, contract: DatasetContract, where: str) -> None:
    """Raise ContractError where a look at all rows shows already that the contract will not hold.

    For those who only look: who ingests hears it from the totals, which count duplicates too.
    """
    unfit, least = sum(found.unfit.values()), contract.rows.min or 0
    held = sum(found.languages.values()) if found.held_for_language else 0
    out, most = unfit + held, contract.quarantine.max_share
    told = ""
    if out / max(1, found.rows) > most:
        why = f"{unfit} of {found.rows} rows make no record" if unfit else ""
        read = f"no names model reads the language of {held}" if held else ""
        told = f"{', and '.join(filter(None, [why, read]))}, more than a share of {most:g}"
    elif found.rows - out < least:
        told = f"{found.rows - out} rows can be kept, and {least} are the least"
    if found.whole and told:
        raise ContractError(
            told,
            step=STEP,
            where=where,
            remedy="repair the rows or map their columns; a data contract may set other limits",
        )
