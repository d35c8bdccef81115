"""From rows to the snapshots and models that used them, and from a row back to its source.

A model uses a row that its snapshot holds, or that a model used which it started from or was taught
by: what each stage was made of stands in its manifest. Reads manifests, snapshots and the registry;
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from data_contracts.records import Frozen
from data_contracts.snapshot.reading import (
    read_duplicates,
    read_quarantine,
    read_report,
    read_rows,
)
from model_registry.candidates import candidate_of
from model_registry.tracking import Registry
from model_registry.versions import CHAMPION, PREVIOUS, Version, list_versions, version_at
from tasks.storage.outputs import Manifest, Outputs, Reference
from tasks.storage.stages import BASE, INDEX, MODEL, REFUSED, SNAPSHOT, TEACHER_ANSWERS

HELD, DROPPED = "quarantine", "dropped as a duplicate"


class Row(Frozen):
    """A row of a snapshot, and where it came from; `split` is HELD for one in quarantine.

    It is DROPPED for a duplicate of a row that stays.

    A row in quarantine that makes no record has no id. `synthetic` is the id of the row that a
    model made this one of.
    """

    id: str
    split: str
    source: str
    line: int
    source_digest: str
    synthetic: str = ""


class Made(Frozen):
    """An output that was made of rows; `through` is the output it has them from, with its role.

    It is empty where that is the snapshot itself.
    """

    stage: str
    key: str
    digest: str
    through: str = ""


class ModelUse(Frozen):
    """A version of a model that learned from a snapshot, or of an index that holds its documents.

    `serves` says how, if it does.
    """

    name: str
    version: int
    serves: str
    through: str = ""


class SnapshotUse(Frozen):
    """A snapshot that holds rows asked for, and what was made of them, the nearest first."""

    stage: str
    key: str
    digest: str
    created_at: str
    rows: tuple[Row, ...]
    made: tuple[Made, ...]
    versions: tuple[ModelUse, ...]

    @property
    def kept(self) -> int:
        """Return how many of the rows are neither in quarantine nor dropped as duplicates."""
        return sum(row.split not in (HELD, DROPPED) for row in self.rows)


def uses_of(
    outputs: Outputs, registry: Registry, wanted: Callable[[dict[str, Any]], bool]
) -> list[SnapshotUse]:
    """Return every snapshot that holds a row which is wanted, newest first, with its models.

    So do ingestions that broke their contract: they left a quarantine.
    """
    versions = list(_trained_versions(registry))
    descent = Descent(outputs)
    found: list[SnapshotUse] = []
    for reference, manifest in chain(outputs.every(SNAPSHOT), outputs.every(REFUSED)):
        with outputs.borrow(reference) as folder:
            rows = tuple(_rows(folder, wanted))
        if rows:
            found.append(_use(reference, manifest, rows, descent, versions))
    return sorted(found, key=lambda use: use.created_at, reverse=True)


class Descent:
    """What was made of what: every base, model, index and set of teacher answers in the store."""

    def __init__(self, outputs: Outputs) -> None:
        self._made = [
            (reference, manifest)
            for stage in (TEACHER_ANSWERS, BASE, MODEL, INDEX)
            for reference, manifest in outputs.every(stage)
        ]
        self._weights = {reference.key: _weights(manifest) for reference, manifest in self._made}

    def of(self, snapshot: str) -> tuple[Made, ...]:
        """Return what was made of the snapshot with this digest, the nearest first."""
        found: dict[str, Made] = {}
        newest = [Made(stage=SNAPSHOT.name, key="", digest=snapshot)]
        while newest:
            newest = [
                Made(stage=child.stage, key=child.key, digest=child.digest, through=through)
                for child, manifest in self._made
                if child.key not in found
                and (through := self._through(manifest, child, newest)) is not None
            ]
            found |= {made.key: made for made in newest}
        return tuple(found.values())

    def _through(self, manifest: Manifest, child: Reference, parents: list[Made]) -> str | None:
        for parent in parents:
            for role, digest in manifest.inputs.items():
                if digest == parent.digest:
                    return f"{role} {parent.key}" if parent.key else ""
            # A base is a copy, from the registry or a folder: its weights tell whose.
            own = self._weights[child.key]
            copied = child.stage == BASE.name and parent.stage == MODEL.name
            if copied and own and own <= self._weights[parent.key]:
                return f"weights of {parent.key}"
        return None


def _weights(manifest: Manifest) -> set[str]:
    return {entry.sha256 for name, entry in manifest.files.items() if name.endswith(".safetensors")}


def _rows(folder: Path, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[Row]:
    digests = read_report(folder).sources
    for row in read_rows(folder):
        if wanted(row):
            place = {name: row[name] for name in ("id", "split", "source", "line")}
            made_of = row.get("synthetic") or ""
            yield Row(**place, source_digest=digests.get(row["source"], ""), synthetic=made_of)
    for row in chain(read_quarantine(folder), read_duplicates(folder)):
        if wanted(row):
            place = {name: row[name] for name in ("source", "line")}
            yield Row(
                **place,
                id=row["id"] or "",
                split=DROPPED if row.get("same_as") else HELD,
                source_digest=digests.get(row["source"], ""),
            )


def _use(
    reference: Reference,
    manifest: Manifest,
    rows: tuple[Row, ...],
    descent: Descent,
    versions: list[tuple[Version, dict[str, str], str]],
) -> SnapshotUse:
    # What is in quarantine nobody learned from.
    kept = any(row.split not in (HELD, DROPPED) for row in rows)
    made = descent.of(reference.digest) if kept else ()
    through = {one.digest: one.through for one in made if one.stage in (MODEL.name, INDEX.name)}
    return SnapshotUse(
        stage=reference.stage,
        key=reference.key,
        digest=reference.digest,
        created_at=manifest.created_at,
        rows=rows,
        made=made,
        versions=tuple(
            ModelUse(
                name=version.name,
                version=version.version,
                serves=serves,
                through=through.get(references.get("model", ""), ""),
            )
            for version, references, serves in versions
            if references.get("model") in through
            # A model that is in the registry, and no more in the store.
            or (kept and references.get("dataset") == reference.digest)
        ),
    )


def _trained_versions(registry: Registry) -> Iterator[tuple[Version, dict[str, str], str]]:
    """Yield every version in the registry with its references and its alias, if any."""
    known: dict[str, dict[str, str]] = {}
    names = sorted(entry.name for entry in registry.client.search_registered_models())
    for name in sorted(names, key=lambda name: not name.endswith("-candidate")):
        serving = {
            version.version: alias
            for alias in (PREVIOUS, CHAMPION)
            if (version := version_at(registry, name, alias))
        }
        for version in list_versions(registry, name):
            # A promoted version has the digest of the candidate it was.
            references = known.setdefault(version.digest, candidate_of(version).references)
            yield version, references, serving.get(version.version, "")
