"""`clean`: what can go of store, MLflow's files and home, what it frees, and why the rest stays.

Only says, unless it is told to delete, as its weekly schedule does. What the ledger names, what
serves, what waits, the newest of each model, and what any of these was made of stays whatever its
age. `paddock clean` does the same without Prefect, which does not start where the disk is full.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.contract_files import load_contract
from data_contracts.errors import InputError, PaddockError
from flows.asking.cleaning_parameters import CleanParameters
from flows.asking.flow_runs import run_name
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_page
from flows.showing.turns import others_at_work
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.tracking import Registry
from model_registry.versions import list_versions
from tasks.clearing.needed import Judged, judge_candidates
from tasks.clearing.pieces import Piece, files_below, size_of
from tasks.clearing.registered import judge_files
from tasks.clearing.scratch import is_at_work, judge_scratch
from tasks.clearing.store import judge_outputs
from tasks.inference_log.sealed import shards_in_use
from tasks.storage.stages import EVERY, INDEX, MODEL

DEFAULTS = CleanParameters()


class Cleaned(NamedTuple):
    """What a look came to: its sentence, the table of what goes and stays, how many can go.

    `freed` is in bytes.
    """

    sentence: str
    table: str
    goes: int
    freed: int


@flow(name="clean", flow_run_name=run_name, description=__doc__)
def clean(parameters: CleanParameters = DEFAULTS) -> State[int]:
    """Clean up, and tell of it on a page; the result is how many bytes that freed.

    The locks of a home say what is at work in it. A store elsewhere is other homes' too, so there
    nothing of it goes while Prefect knows of another run that may need it.
    """
    workshop = Workshop(read_settings())
    elsewhere = workshop.store.local_path("") is None
    others = others_at_work(workshop.settings) if elsewhere else []
    cleaned = clean_up(workshop, parameters, at_work=bool(others))
    sentence = cleaned.sentence
    if others:
        sentence += f" Nothing of the store may go while others work: {', '.join(others)}."
    LOGGER.info("%s\n\n%s", cleaned.table, sentence)
    publish_page(
        "clean",
        f"**{sentence}**\n\n```text\n{cleaned.table}\n```",
        "What could go, what went and what that freed",
        to_do=""
        if parameters.apply or not cleaned.goes
        else "run it again with `apply`, which deletes it.",
    )
    return Completed(message=sentence[:400], data=cleaned.freed)


def tell(workshop: Workshop, parameters: CleanParameters) -> str:
    """Clean up, and return what `paddock clean` says."""
    cleaned = clean_up(workshop, parameters)
    more = "" if parameters.apply or not cleaned.goes else " `paddock clean --apply` deletes it."
    return f"{cleaned.table}\n\n{cleaned.sentence}{more}"


def clean_up(workshop: Workshop, parameters: CleanParameters, *, at_work: bool = False) -> Cleaned:
    """Look at everything, and with `apply` delete what can go.

    `at_work`: another home's run may need what lies in the store.
    """
    cutoff = datetime.now(UTC) - timedelta(days=parameters.older_than)
    judged = list(judge_candidates(workshop.registry, cutoff))
    pieces = _pieces(workshop, judged, cutoff, at_work=at_work)
    lines = [f"What can go, older than {parameters.older_than} days, and why the rest stays", ""]
    lines += [*_table(pieces), "", *_copies(workshop, judged)]
    goes = [piece for piece in pieces if piece.remove]
    done = [piece for piece in goes if parameters.apply and piece.remove and piece.remove()]
    freed = sum(piece.size for piece in done)
    if not goes:
        sentence = "Nothing can go."
    elif parameters.apply:
        sentence = f"Deleted {len(done)}, which frees {_size(freed)}."
        if len(done) < len(goes):
            sentence += f" {len(goes) - len(done)} stay: somebody has used them meanwhile."
    else:
        free = _size(sum(piece.size for piece in goes))
        sentence = f"{len(goes)} can go, which frees {free}."
    return Cleaned(sentence, "\n".join(lines), len(goes), freed)


def _pieces(
    workshop: Workshop, judged: Sequence[Judged], cutoff: datetime, *, at_work: bool
) -> list[Piece]:
    home, outputs = workshop.settings.home, workshop.outputs
    at_work = at_work or is_at_work(outputs.work)
    needed = {
        digest: one.why for one in judged if not one.due for digest in sorted(one.digests)
    } | {**_newest_runs(workshop), **shards_in_use(workshop.store)}
    return [
        *judge_outputs(outputs, needed, _retention(workshop), cutoff, at_work=at_work),
        *_records(workshop),
        *judge_files(workshop.registry, judged, at_work=at_work),
        *_released(workshop.registry, judged),
        *judge_scratch(home, cutoff, at_work=at_work),
        *_published(workshop, needed),
    ]


def _newest_runs(workshop: Workshop) -> dict[str, str]:
    """Return the trained model of each model's newest run."""
    newest: dict[str, str] = {}
    for key in sorted(workshop.store.keys("runs")):
        newest["/".join(key.split("/")[:-1])] = key
    told = (json.loads(workshop.store.read(key)) for key in newest.values())
    return {str(one.get("model_digest", "")): "the newest run made it" for one in told}


def _retention(workshop: Workshop) -> Mapping[str, int]:
    """Return for how many days contracts keep rows, by their digest; those whose file is there."""
    found: dict[str, int] = {}
    for key in workshop.store.keys("runs"):
        place = json.loads(workshop.store.read(key)).get("parameters", {}).get("contract") or ""
        if place.endswith(".toml") and Path(place).is_file():
            with suppress(InputError):  # of an older form
                contract = load_contract(place)
                if days := contract.privacy.retention_days:
                    found[contract.digest] = days
    return found


def _records(workshop: Workshop) -> Iterator[Piece]:
    """Name what stands in the store beside the stages' outputs, of which nothing ever goes."""
    root = workshop.store.local_path("")
    stages = {stage.name for stage in EVERY}
    for folder in sorted(root.iterdir()) if root and root.is_dir() else ():
        if folder.name not in stages:
            yield Piece("records", folder.name, size_of(folder), "records and logs are for people")


def _published(workshop: Workshop, needed: Mapping[str, str]) -> Iterator[Piece]:
    """Say of each copy of an index's vectors whether it stays: as long as its index does."""
    if (database := workshop.vectors) is None:
        return
    store, kind = workshop.store.uri, "published vectors"
    indexes = {manifest.digest for _, manifest in workshop.outputs.every(INDEX)}
    try:
        copies = database.copies(store)
    except PaddockError as error:  # what lies on this machine is cleaned all the same
        yield Piece(kind, database.shown, 0, error.what)
        return
    for copy in copies:
        size = 4 * copy.rows * copy.dimension
        if copy.digest in indexes or copy.digest in needed:
            yield Piece(kind, copy.digest, size, "its index stays")
        else:
            gone = partial(database.withdraw, copy.digest, store)
            yield Piece(kind, copy.digest, size, "its index is gone", gone)


def _released(registry: Registry, judged: Sequence[Judged]) -> Iterator[Piece]:
    for folder in _released_folders(registry, judged):
        yield Piece("released files", folder.name, size_of(folder), "the ledger names them")


def _released_folders(registry: Registry, judged: Sequence[Judged]) -> Iterator[Path]:
    for name in sorted({one.candidate.model for one in judged}):
        for version in list_versions(registry, name):
            if folder := registry.folder_at(version.uri):
                yield folder


def _copies(workshop: Workshop, judged: Sequence[Judged]) -> list[str]:
    """Say how often weights lie on this machine, and how much of it the file system shares."""
    registry, root = workshop.registry, workshop.store.local_path(MODEL.name)
    candidates = [registry.folder_at(one.candidate.uri) for one in judged]
    places = {
        "store": [root] if root else [],
        "candidates": [folder for folder in candidates if folder],
        "releases": list(_released_folders(registry, judged)),
    }
    sizes = {name: sum(map(size_of, folders)) for name, folders in places.items()}
    folders = [folder for found in places.values() for folder in found if folder.is_dir()]
    files = [file for folder in folders for file in files_below(folder)]
    once = sum({(file.st_dev, file.st_ino): file.st_size for file in files}.values())
    shared = sum(file.st_size for file in files) - once
    told = ", ".join(f"{_size(size)} in {name}" for name, size in sizes.items())
    return [
        f"Weights lie as trained, as registered and as released: {told}.",
        f"Of that {_size(shared)} are shared by hard links: each is a copy of its own.",
    ]


def _table(pieces: Sequence[Piece]) -> list[str]:
    """Return a line for each kind, fate and reason, what goes first."""
    groups: dict[tuple[bool, str, str], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault((piece.remove is None, piece.kind, piece.why), []).append(piece)
    lines = [f"{'':5s}  {'what':17s} {'number':>6s} {'size':>10s}  why"]
    for (stays, kind, why), found in sorted(groups.items()):
        size = _size(sum(piece.size for piece in found))
        fate = "stays" if stays else "goes"
        lines.append(f"{fate:5s}  {kind:17s} {len(found):6d} {size:>10s}  {why}")
    return lines


def _size(count: int) -> str:
    units = {30: "GiB", 20: "MiB", 10: "KiB"}
    power = next((power for power in units if count >= 1 << power), 0)
    return f"{count / (1 << power):.1f} {units[power]}" if power else f"{count} B"
