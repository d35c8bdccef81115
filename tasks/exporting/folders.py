"""Exports a released model into a folder: verified bytes, in the form that another program loads.

Needs a registry with its ledger, and the public key. Writes the folder, which is there whole or not
at all: it is made beside its place and gets its name at the end.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from pydantic import Field, ValidationError

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from model_registry.accounts.roles import CANDIDATE
from model_registry.candidates import Candidate
from model_registry.contents import read_contents
from model_registry.fetching import fetch, fetch_approved, resolve
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from tasks.exporting.errors import STEP
from tasks.exporting.formats import FORMATS, Format
from tasks.exporting.weights import Quantize

RECORD, README = "export.json", "README.md"
_LAYOUT = 1  # of what is written; another one is another export


class Export(Frozen):
    """What an export holds: `files` are the sha256 of all in it but this record, by name."""

    name: str
    version: int
    digest: str
    format: Format
    quantize: Quantize | None
    layout: int
    run: str
    files: dict[str, str] = Field(default_factory=dict)


class Exported(Frozen):
    """An export and where it lies; `again` tells that it was there already, byte for byte."""

    export: Export
    folder: str
    again: bool


def export(
    registry: Registry,
    address: str,
    folder: Path,
    keys: SigningKeys,
    format: Format,
    quantize: Quantize,
) -> Exported:
    """Write what an address names in a format into a folder that is not there, or is empty.

    The same again changes nothing. InputError for what the format cannot say, or if the folder
    holds something else; ContractError and IntegrityError as `fetch`.
    """
    row, serves = resolve(registry, address)
    due = Export(
        name=row.name,
        version=serves.version,
        digest=serves.digest,
        format=format,
        quantize=None if format == "safetensors" else quantize,
        layout=_LAYOUT,
        run="",
    )
    address = f"{row.name}/{serves.version}"
    return _put(due, quantize, folder, lambda aside: fetch(registry, address, aside, keys))


def export_candidate(
    registry: Registry,
    candidate: Candidate,
    folder: Path,
    keys: SigningKeys,
    format: Format,
    quantize: Quantize,
) -> Exported:
    """Write a candidate that people approved as `export` does, to stand beside the champion."""
    due = Export(
        name=candidate.name,
        version=candidate.version,
        digest=candidate.digest,
        format=format,
        quantize=None if format == "safetensors" else quantize,
        layout=_LAYOUT,
        run="",
    )
    return _put(
        due, quantize, folder, lambda aside: fetch_approved(registry, candidate, aside, keys)
    )


def _put(due: Export, quantize: Quantize, folder: Path, load: Callable[[Path], object]) -> Exported:
    """Write an export of what `load` puts into a folder, unless it is there already."""
    if found := _standing(folder, due):
        return Exported(export=found, folder=str(folder), again=True)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        load(aside)
        made = _fill(aside, due, quantize, folder)
        try:
            aside.rename(folder)
        except OSError:  # somebody was faster, or put something there meanwhile
            if not (found := _standing(folder, due)):
                raise
            return Exported(export=found, folder=str(folder), again=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Exported(export=made, folder=str(folder), again=False)


def _fill(aside: Path, due: Export, quantize: Quantize, folder: Path) -> Export:
    written = FORMATS[due.format](aside, due.name, quantize, folder)
    (aside / README).write_text(_readme(due, written.run, written.notes), encoding="utf-8")
    made = due.model_copy(update={"run": written.run, "files": read_contents(aside).files})
    (aside / RECORD).write_text(made.model_dump_json(indent=1) + "\n")
    return made


def _standing(folder: Path, due: Export) -> Export | None:
    """Return the export that a folder holds, if it is the one that is due; None if it is empty.

    InputError if it holds anything else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    found = _record(folder)
    if found and found.model_copy(update={"run": "", "files": {}}) == due:
        files = dict(read_contents(folder).files)
        files.pop(RECORD)
        if files == found.files:
            return found
        what = "there is this export, and its files were changed"
    elif found:
        what = f"there is another export: {found.name} version {found.version}, {found.format}"
    else:
        what = "there is something else at that place"
    raise InputError(
        what,
        step=STEP,
        where=str(folder),
        remedy="name a folder that is not there, or take away what is in it",
    )


def _record(folder: Path) -> Export | None:
    try:
        return Export.model_validate(json.loads((folder / RECORD).read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None


def _readme(due: Export, run: str, notes: list[str]) -> str:
    said = "Approved and not released" if due.name.endswith(CANDIDATE) else "Released"
    lines = [
        f"# {due.name} version {due.version}, {due.format}",
        "",
        f"{said}, digest `{due.digest}`; every byte was verified before it was exported.",
        "MODEL_CARD.md says what it was trained on and how it scored. It runs with:",
        "",
        "```sh",
        run,
        "```",
        *(f"\n- {note}" if number == 0 else f"- {note}" for number, note in enumerate(notes)),
    ]
    return "\n".join(lines) + "\n"
