"""A look at a source's first rows before anything heavy is loaded: can it be what it is said to be?

Needs a resolved source. Writes nothing but scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from data_contracts.contracts import DatasetContract
from tasks.ingestion.fitting import ROWS_LOOKED_AT, Look, require_fitting
from tasks.ingestion.limits import Limits
from tasks.ingestion.mapping import require_known_fields
from tasks.ingestion.readers import read_rows
from tasks.ingestion.sources import Source


def require_usable(
    source: Source,
    contract: DatasetContract,
    mapping: Mapping[str, str],
    limits: Limits,
    scratch: Path,
    redact: Callable[[str], str],
) -> Look:
    """Return how the first rows fit; InputError where none does or where a mapped column lacks.

    `redact` is called only where the error has to show the name of an odd column.
    """
    require_known_fields(contract.kind, mapping)
    first = list(islice(read_rows(source, scratch, limits), ROWS_LOOKED_AT))
    return require_fitting(
        first, contract.kind, mapping, source.given, redact, contract.columns_read
    )
