"""Digests of files and folders, and JSON whose bytes depend on its value alone.

Needs nothing; writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def file_digest(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """Return the sha256 (hex) over the name and bytes of every file below a folder.

    It is the `digest` a stage's manifest gives the same files.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest_of_names(
        {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    )


def digest_of_names(names: Mapping[str, str]) -> str:
    """Return the digest of a folder whose files' names (posix) and sha256 (hex) are known."""
    return hashlib.sha256(canonical_json(dict(names))).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys and no spaces; ValueError for NaN, which JSON does not have."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()
