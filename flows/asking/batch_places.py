"""The files that a batch reads and writes, looked at before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import InputError
from flows.asking.batch_parameters import BatchParameters
from tasks.batch.lines import STEP


class Places(NamedTuple):
    """The files that a batch writes."""

    out: Path
    errors: Path


def places(parameters: BatchParameters) -> Places:
    """Return where the answers go; InputError if that is no place for them."""
    given = Path(parameters.file)
    if "://" in parameters.file or not given.is_file():
        raise InputError(
            "there is no such file of requests",
            step=STEP,
            where=parameters.file,
            remedy="give a file of JSON lines on this machine",
        )
    out = Path(parameters.out) if parameters.out else given.with_name(f"{given.stem}.answers.jsonl")
    errors = out.with_name(f"{out.stem.removesuffix('.answers')}.errors.jsonl")
    for place in (out, errors):
        if place == given or not place.parent.is_dir() or not _is_ours(place):
            raise InputError(
                "the answers cannot be put there: there is no such folder, or a file of another "
                "kind",
                step=STEP,
                where=str(place),
                remedy="name another place with --out",
            )
    return Places(out, errors)


def _is_ours(place: Path) -> bool:
    """Tell whether a batch may write a file: it is not there, is empty, or is a batch's."""
    if not place.exists():
        return True
    with place.open("rb") as file:
        first = file.read(64)
    return not first or first.startswith(b'{"id": "batch_req_')
