"""Who answered: which rows of a log are the champion's, and which came from another version.

A row that names a version, or the digest of its weights, is that version's; one that names none is
the champion's if it was answered since the champion serves and no variant (a canary, a baseline)
answered it. Pure functions; nothing is read or written.
"""

from __future__ import annotations

import re

from pydantic import AwareDatetime

from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen

ANOTHER_MODEL = "of another model"
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
    name, named = _split(row.model)
    named = row.version.strip().lower() or named
    if name != served.name:
        ours = _DIGEST.fullmatch(name) and served.digest.startswith(name)
        return "" if ours else ANOTHER_MODEL
    if number := _NUMBER.fullmatch(named):
        return "" if int(number[1]) == served.version else "of another version"
    if _DIGEST.fullmatch(named):
        return "" if served.digest.startswith(named) else "of another version"
    if weights := _DIGEST.fullmatch(row.weights.lower().removeprefix("sha256:")):
        return "" if served.digest.startswith(weights[0]) else "of another version"
    if row.variant not in ("", "champion"):
        return f"of the {row.variant}"
    # No version, an alias, or a word of the server's own: the time tells.
    return "" if row.time >= served.since else "from before the champion served"


def _split(model: str) -> tuple[str, str]:
    """Return (name, version or alias) of `bells`, `bells@3`, `bells/3` or `models:/bells/3`."""
    name, *rest = _SEPARATOR.split(model.strip().removeprefix("models:/"), maxsplit=1)
    return name.lower(), rest[0].lower() if rest else ""
