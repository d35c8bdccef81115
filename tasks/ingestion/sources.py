"""Sources: which files a person means, with a digest and the shards of each, before work begins.

A source is a file, a folder, `s3://bucket/prefix`, or a data set on the Hugging Face hub
(`tasks.ingestion.hub`). Needs the network only for the last two. Files are read once and never
copied. Writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

from data_contracts.digests import canonical_json
from data_contracts.records import Frozen, Split
from tasks.ingestion.cutting import Shard, cut_groups, cut_lines, no_cut, row_groups
from tasks.ingestion.formats import STEP, file_format, unusable
from tasks.ingestion.hub import HubDataset, hub_datasets, is_hub_address
from tasks.ingestion.layout import HELD_OUT
from tasks.ingestion.limits import Limits, MiB
from tasks.ingestion.places import Listing, list_files, open_range, version_of

__all__ = ["STEP", "HubDataset", "Source", "SourceFile", "look", "resolve"]


class SourceFile(Frozen):
    """One file: `name` is relative to the source and is what its rows are traced to.

    `version` tells whether the file is still the one that was resolved, without reading it. `role`
    is the split that its authors gave it, if they gave it one.
    """

    name: str
    uri: str
    sha256: str
    size: int
    version: str
    shards: tuple[Shard, ...]
    role: Split | None = None


class Source(Frozen):
    """What is to be ingested; `notes` say what a person should know of it, such as what is not."""

    given: str
    files: tuple[SourceFile, ...] = ()
    hub: tuple[HubDataset, ...] = ()
    s3_endpoint: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """Return the digest of every part, by name."""
        return {one.part_name: one.revision for one in self.hub} | {
            file.name: file.sha256 for file in self.files
        }

    @property
    def digest(self) -> str:
        """Return one sha256 over everything to be read; how it is cut plays no part."""
        hub = [one.model_dump() for one in self.hub]
        roles = {file.name: file.role for file in self.files if file.role}
        return hashlib.sha256(canonical_json([self.digests, hub, roles])).hexdigest()

    @property
    def held_out(self) -> frozenset[Split]:
        """Return the splits that its authors held out from training."""
        roles = {one.role for one in (*self.files, *self.hub)}
        return frozenset(split for split in HELD_OUT if split in roles)


class Part(Frozen):
    """A shard with all that is needed to read it: what a worker is sent."""

    file: SourceFile | None = None
    shard: Shard | None = None
    hub: HubDataset | None = None
    s3_endpoint: str | None = None

    @property
    def name(self) -> str:
        """Return what its rows are traced to."""
        return self.file.name if self.file else self.hub.part_name if self.hub else ""

    @property
    def role(self) -> Split | None:
        """Return the split that its authors gave its rows, or None."""
        one = self.file or self.hub
        return one.role if one else None

    @property
    def first_line(self) -> int:
        """Return the line in the whole file that its first line is."""
        return self.shard.first_line if self.shard else 1

    @property
    def lines(self) -> int | None:
        """Return how many lines it has, if that is known."""
        return self.shard.lines if self.shard else None

    @property
    def identity(self) -> str:
        """Return a sha256 of what it holds, wherever it stands: bytes, format, and being first."""
        if self.shard is None:
            return hashlib.sha256(canonical_json(self.hub and self.hub.model_dump())).hexdigest()
        form = [self.shard.sha256, *file_format(self.name), self.first_line == 1, self.shard.groups]
        return hashlib.sha256(canonical_json(form)).hexdigest()


def parts(source: Source) -> Iterator[Part]:
    """Yield every shard of a source: what is held out first, then file by file in order of name.

    Of two rows that are the same the first one stays, so that no copy of a test row is trained on.
    """
    order = (*HELD_OUT, "train", None)
    for one in sorted(source.hub, key=lambda one: order.index(one.role)):
        yield Part(hub=one)
    for file in sorted(source.files, key=lambda file: (file.role not in HELD_OUT, file.role or "")):
        alone = file.model_copy(update={"shards": ()})
        for shard in file.shards:
            yield Part(file=alone, shard=shard, s3_endpoint=source.s3_endpoint)


def look(source: str, s3_endpoint: str | None = None, limits: Limits | None = None) -> None:
    """Raise InputError if a source leads nowhere; reads no file."""
    if _listed(source, s3_endpoint, limits or Limits()) is None:
        hub_datasets(source)


def resolve(source: str, s3_endpoint: str | None = None, limits: Limits | None = None) -> Source:
    """Return the files a source names, with digests and shards; InputError if there are none."""
    limits = limits or Limits()
    listed = _listed(source, s3_endpoint, limits)
    if listed is None:
        hub, notes = hub_datasets(source)
        return Source(given=source, hub=hub, notes=notes)
    endpoint = s3_endpoint if source.startswith("s3://") else None
    files = tuple(
        _source_file(file.name, listed.addresses[file.name], endpoint, limits).model_copy(
            update={"role": file.role}
        )
        for file in listed.layout.files
    )
    return Source(given=source, files=files, s3_endpoint=endpoint, notes=listed.layout.notes)


def _listed(source: str, endpoint: str | None, limits: Limits) -> Listing | None:
    """Return a source's files, or None if it is a data set on the hub."""
    if is_hub_address(source):
        return None
    if "://" in source and not source.startswith(("s3://", "file://")):
        raise unusable(
            source, "this kind of address is not read", "use a path, s3:// or hub:owner/name"
        )
    listed = list_files(source, endpoint, limits)
    if listed is None:
        raise unusable(
            source,
            "there is no such file or folder",
            "check the path; a data set on the Hugging Face hub is named hub:owner/name",
        )
    return listed


def _source_file(name: str, uri: str, endpoint: str | None, limits: Limits) -> SourceFile:
    size, version = version_of(uri, endpoint)
    digest, shards = _cut(name, uri, endpoint, version, size, limits.shard_bytes)
    return SourceFile(
        name=name, uri=uri, sha256=digest, size=size, version=version, shards=tuple(shards)
    )


def _cut(
    name: str, uri: str, endpoint: str | None, version: str, size: int, shard_bytes: int
) -> tuple[str, list[Shard]]:
    ending, packing = file_format(name)
    groups = None
    if ending == ".parquet":
        with open_range(uri, endpoint, version, 0, size) as file:
            groups = row_groups(file, size, name)
    with closing(open_range(uri, endpoint, version, 0, size)) as file:
        chunks = iter(lambda: file.read(MiB) or b"", b"")
        if groups is not None:
            return cut_groups(name, chunks, groups, shard_bytes)
        if ending in (".jsonl", ".ndjson") and not packing:
            return cut_lines(name, chunks, shard_bytes)
        return no_cut(name, chunks)
