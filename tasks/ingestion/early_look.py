"""A look at a source's first rows before anything heavy is loaded: can it be what it is said to be?

Needs a resolved source. Writes nothing but scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from data_contracts.kinds.registry import RecordKind
from tasks.ingestion.fitting import ROWS_LOOKED_AT, require_fitting
from tasks.ingestion.limits import Limits
from tasks.ingestion.mapping import require_known_fields
from tasks.ingestion.readers import read_rows
from tasks.ingestion.sources import Source


def require_usable(
    source: Source,
    kind: RecordKind,
    mapping: Mapping[str, str],
    limits: Limits,
    scratch: Path,
    redact: Callable[[str], str],
) -> None:
    """Raise InputError where the first rows are not of the kind or lack a mapped column.

    `redact` is called only where the error has to show the name of an odd column.
    """
    require_known_fields(kind, mapping)
    first = list(islice(read_rows(source, scratch, limits), ROWS_LOOKED_AT))
    require_fitting(first, kind, mapping, source.given, redact)
