"""Who answered: which rows of a log are the champion's, and which came from another version.

A row that names a version, or the digest of its weights, is that version's; one that names none is
the champion's if it was answered since the champion serves and no variant (a canary, a baseline)
answered it. Pure functions; nothing is read or written.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic import AwareDatetime

from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen

ANOTHER_MODEL = "of another model"
ANOTHER_VERSION = "of another version"
_NUMBER = re.compile(r"v?(\d{1,9})")
_DIGEST = re.compile(r"[0-9a-f]{12,64}")
_SEPARATOR = re.compile(r"[@/:]")


class Served(Frozen):
    """A champion as a log may name it; `since` is when it began to serve."""

    name: str
    version: int
    digest: str
    since: AwareDatetime


def why_not(row: LogRow, served: Served) -> str:
    """Return why a row is not the champion's, or nothing if it is."""
    said = _said(
        row.model, row.version, row.weights, row.variant, served.name, served.version, served.digest
    )
    if said is not None:
        return said
    # No version, an alias, or a word of the server's own: the time tells.
    return "" if row.time >= served.since else "from before the champion served"


@lru_cache(maxsize=64)  # a log names few, many times
def _said(
    model: str, version: str, weights: str, variant: str, ours: str, number: int, digest: str
) -> str | None:
    """Return why a row that names this is not the champion's; None if it does not tell."""
    name, named = _split(model)
    named = version.strip().lower() or named
    if name != ours:
        is_ours = _DIGEST.fullmatch(name) and digest.startswith(name)
        return "" if is_ours else ANOTHER_MODEL
    if found := _NUMBER.fullmatch(named):
        return "" if int(found[1]) == number else ANOTHER_VERSION
    if _DIGEST.fullmatch(named):
        return "" if digest.startswith(named) else ANOTHER_VERSION
    if found := _DIGEST.fullmatch(weights.lower().removeprefix("sha256:")):
        return "" if digest.startswith(found[0]) else ANOTHER_VERSION
    return f"of the {variant}" if variant not in ("", "champion") else None


def _split(model: str) -> tuple[str, str]:
    """Return (name, version or alias) of `bells`, `bells@3`, `bells/3` or `models:/bells/3`."""
    name, *rest = _SEPARATOR.split(model.strip().removeprefix("models:/"), maxsplit=1)
    return name.lower(), rest[0].lower() if rest else ""
