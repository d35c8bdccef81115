"""Compiled expressions of Hyperscan, kept in a folder: compiling takes seconds, reading none.

Without a folder they are compiled in every process. The folder must be as private as the code: a
file in it is loaded as it lies. What was cut short, or is of another processor or version of
Hyperscan, is compiled and written anew.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_DIGEST = 32  # bytes of a sha256
_folder: list[Path] = []


def keep_compiled(folder: Path) -> None:
    """Let this process keep what it compiles in a folder, and find it there."""
    _folder[:] = [folder]


def compiled(numbered: Sequence[tuple[int, str]]) -> Any:
    """Return numbered ASCII expressions (no case, dot matches all) as a Hyperscan database."""
    place = _place(numbered) if _folder else None
    if place is not None and (found := _read(place)) is not None:
        return found
    database = _compile(numbered)
    if place is not None:
        _write(place, database)
    return database


def _place(numbered: Sequence[tuple[int, str]]) -> Path:
    """Return where they are kept; what Hyperscan compiles depends on it and on the processor."""
    made_of = repr((_compile([(0, "any")]).info(), tuple(numbered)))
    return _folder[0] / f"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.hs"


def _read(place: Path) -> Any:
    """Return what was kept, or None; a digest stands before it."""
    import hyperscan

    with suppress(OSError, hyperscan.error):
        kept = place.read_bytes()
        if hashlib.sha256(kept[_DIGEST:]).digest() == kept[:_DIGEST]:
            return hyperscan.loadb(kept[_DIGEST:], hyperscan.HS_MODE_BLOCK)
    return None


def _write(place: Path, database: Any) -> None:
    """Write it whole or not at all; a folder that cannot be written costs the time of compiling."""
    import hyperscan

    content = hyperscan.dumpb(database)
    scratch = place.with_name(f".{secrets.token_hex(8)}")
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(file, "wb") as out:
                out.write(hashlib.sha256(content).digest() + content)
            scratch.replace(place)
        finally:
            scratch.unlink(missing_ok=True)


def _compile(numbered: Sequence[tuple[int, str]]) -> Any:
    import hyperscan

    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL
    database.compile(
        expressions=[expression.encode("ascii") for _, expression in numbered],
        ids=[number for number, _ in numbered],
        elements=len(numbered),
        flags=[flags] * len(numbered),
    )
    return database
