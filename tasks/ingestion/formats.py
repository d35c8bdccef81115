"""The file formats that are read, and the error for what is not. Pure functions."""

from __future__ import annotations

from data_contracts.errors import InputError

STEP = "ingest"
FORMATS = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".arrow")
BINARY = (".parquet", ".arrow")  # which are packed within
PACKINGS = (".gz", ".zst")
SUPPORTED = f"give {', '.join(FORMATS)}; all but the last two also as {' or '.join(PACKINGS)}"


def file_format(name: str) -> tuple[str, str]:
    """Return (format, packing) from a file's name, such as (".jsonl", ".gz"); "" if unknown."""
    stem, packing = name.lower(), ""
    for suffix in PACKINGS:
        if stem.endswith(suffix):
            stem, packing = stem.removesuffix(suffix), suffix
    ending = next((suffix for suffix in FORMATS if stem.endswith(suffix)), "")
    return ("", packing) if ending in BINARY and packing else (ending, packing)


def unusable(where: str, what: str, remedy: str) -> InputError:
    """Return the error for a source that cannot be used."""
    return InputError(what, step=STEP, where=where, remedy=remedy)
