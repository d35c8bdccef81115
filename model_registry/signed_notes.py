"""A signed note beside what a candidate's run keeps: a record for programs, a page for people.

Needs the candidate's run. Writes NAME.json, NAME.md and their signature below the run's artifacts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from data_contracts.records import Frozen
from model_registry.signing import SigningKeys, sign_folder, verify_folder
from model_registry.tracking import Registry

Note = TypeVar("Note", bound=Frozen)


def put_note(
    registry: Registry, run: str, place: str, note: Frozen, page: str, keys: SigningKeys
) -> None:
    """Keep a note at a place such as `canary/1a2b`, in the stead of one that is there."""
    stem = place.partition("/")[0]
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        (content / f"{stem}.json").write_text(note.model_dump_json(indent=1) + "\n", "utf-8")
        (content / f"{stem}.md").write_text(f"{page}\n", "utf-8")
        sign_folder(content, Path(scratch) / f"{stem}.sig", keys)
        registry.upload(run, Path(scratch), place)


def read_note(
    registry: Registry, run: str, place: str, kind: type[Note], keys: SigningKeys
) -> tuple[Note | None, bool]:
    """Return the note at a place, and whether anything is there.

    No note where there is something means that it is none of this kind. IntegrityError if it is
    not what was signed.
    """
    stem, _, name = place.partition("/")
    if name not in registry.names_at(registry.artifact_uri(run, stem)):
        return None, False
    with registry.downloaded(registry.artifact_uri(run, place)) as folder:
        verify_folder(folder / "content", folder / f"{stem}.sig", keys)
        try:
            return kind.model_validate_json(
                (folder / "content" / f"{stem}.json").read_bytes()
            ), True
        except (OSError, ValidationError):
            return None, True
