"""From rows to the snapshots and models that used them, and from a row back to its source.

Reads manifests, snapshots and the registry; changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data_contracts.records import Frozen
from data_contracts.snapshot import read_report, read_rows
from flows.workshop import Workshop
from model_registry.candidates import candidate_of
from model_registry.tracking import Registry
from model_registry.versions import CHAMPION, PREVIOUS, Version, list_versions, version_at
from tasks.finetuning.steps import STAGE as MODEL
from tasks.ingestion.steps import STAGE as SNAPSHOT
from tasks.storage.outputs import Manifest, Reference


class Row(Frozen):
    """A row of a snapshot, and where it came from."""

    id: str
    split: str
    source: str
    line: int
    source_digest: str


class ModelUse(Frozen):
    """A model version that was trained on a snapshot; `serves` says how, if it does."""

    name: str
    version: int
    serves: str


class SnapshotUse(Frozen):
    """A snapshot that holds rows asked for, and what was made of it."""

    key: str
    digest: str
    created_at: str
    rows: tuple[Row, ...]
    models: tuple[str, ...]
    versions: tuple[ModelUse, ...]


def uses_of(workshop: Workshop, wanted: Callable[[dict[str, Any]], bool]) -> list[SnapshotUse]:
    """Return every snapshot that holds a row which is wanted, newest first, with its models."""
    versions = list(_trained_versions(workshop.registry))
    models = list(workshop.outputs.every(MODEL))
    found: list[SnapshotUse] = []
    for reference, manifest in workshop.outputs.every(SNAPSHOT):
        with workshop.outputs.borrow(reference) as folder:
            rows = tuple(_rows(folder, wanted))
        if rows:
            found.append(_use(reference, manifest, rows, models, versions))
    return sorted(found, key=lambda use: use.created_at, reverse=True)


def _rows(folder: Path, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[Row]:
    digests = read_report(folder).sources
    for row in read_rows(folder):
        if wanted(row):
            place = {name: row[name] for name in ("id", "split", "source", "line")}
            yield Row(**place, source_digest=digests.get(row["source"], ""))


def _use(
    reference: Reference,
    manifest: Manifest,
    rows: tuple[Row, ...],
    models: list[tuple[Reference, Manifest]],
    versions: list[tuple[Version, str, str]],
) -> SnapshotUse:
    return SnapshotUse(
        key=reference.key,
        digest=reference.digest,
        created_at=manifest.created_at,
        rows=rows,
        models=tuple(
            model.key for model, made in models if made.inputs.get("snapshot") == reference.digest
        ),
        versions=tuple(
            ModelUse(name=version.name, version=version.version, serves=serves)
            for version, dataset, serves in versions
            if dataset == reference.digest
        ),
    )


def _trained_versions(registry: Registry) -> Iterator[tuple[Version, str, str]]:
    """Yield every version in the registry with the digest of its snapshot and its alias, if any."""
    datasets: dict[str, str] = {}
    names = sorted(entry.name for entry in registry.client.search_registered_models())
    for name in sorted(names, key=lambda name: not name.endswith("-candidate")):
        serving = {
            version.version: alias
            for alias in (PREVIOUS, CHAMPION)
            if (version := version_at(registry, name, alias))
        }
        for version in list_versions(registry, name):
            dataset = candidate_of(version).references.get("dataset", "")
            # A promoted version has the digest of the candidate it was.
            dataset = datasets.setdefault(version.digest, dataset)
            yield version, dataset, serving.get(version.version, "")
