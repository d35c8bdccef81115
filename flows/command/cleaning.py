"""`paddock clean`: what can go of store, MLflow's files and home, what it frees, and why.

Only says, unless it is told to delete. What the ledger names, what serves, what waits, the newest
of each model, and what any of these was made of stays whatever its age.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data_contracts.contract_files import load_contract
from data_contracts.errors import InputError
from flows.asking.cleaning_parameters import CleanParameters
from flows.workshop.parts import Workshop
from model_registry.tracking import Registry
from model_registry.versions import list_versions
from tasks.clearing.needed import Judged, judge_candidates
from tasks.clearing.pieces import Piece, files_below, size_of
from tasks.clearing.registered import judge_files
from tasks.clearing.scratch import is_at_work, judge_scratch
from tasks.clearing.store import judge_outputs
from tasks.inference_log.sealed import shards_in_use
from tasks.storage.stages import EVERY, MODEL


def clean(workshop: Workshop, parameters: CleanParameters) -> str:
    """Return the table; with `apply`, delete what can go, and say what that freed."""
    cutoff = datetime.now(UTC) - timedelta(days=parameters.older_than)
    judged = list(judge_candidates(workshop.registry, cutoff))
    pieces = _pieces(workshop, judged, cutoff)
    lines = [f"What can go, older than {parameters.older_than} days, and why the rest stays", ""]
    lines += [*_table(pieces), "", *_copies(workshop, judged)]
    goes = [piece for piece in pieces if piece.remove]
    if not goes:
        lines += ["", "Nothing can go."]
    elif parameters.apply:
        done = [piece for piece in goes if piece.remove and piece.remove()]
        lines += ["", f"Deleted {len(done)}, which frees {_size(sum(p.size for p in done))}."]
        if len(done) < len(goes):
            lines.append(f"{len(goes) - len(done)} stay: somebody has used them meanwhile.")
    else:
        free = _size(sum(piece.size for piece in goes))
        lines += ["", f"{len(goes)} can go, which frees {free}: `paddock clean --apply`."]
    return "\n".join(lines)


def _pieces(workshop: Workshop, judged: Sequence[Judged], cutoff: datetime) -> list[Piece]:
    home, outputs = workshop.settings.home, workshop.outputs
    at_work = is_at_work(outputs.work)
    needed = {
        digest: one.why for one in judged if not one.due for digest in sorted(one.digests)
    } | {**_newest_runs(workshop), **shards_in_use(workshop.store)}
    return [
        *judge_outputs(outputs, needed, _retention(workshop), cutoff, at_work=at_work),
        *_records(workshop),
        *judge_files(workshop.registry, judged, at_work=at_work),
        *_released(workshop.registry, judged),
        *judge_scratch(home, cutoff, at_work=at_work),
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
