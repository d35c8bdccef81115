"""Sources: which files a person means, with a digest and the shards of each, before work begins.

A source is a file, a folder, `s3://bucket/prefix`, or a Hugging Face data set id
(`org/name`, `org/name?config=main&split=train&revision=…`). Needs the network only for the last
two. Files are read once and never copied. Writes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from data_contracts.digests import canonical_json
from data_contracts.records import Frozen
from tasks.ingestion.cutting import Shard, cut_groups, cut_lines, no_cut, row_groups
from tasks.ingestion.formats import STEP, file_format, unusable
from tasks.ingestion.limits import Limits, MiB
from tasks.ingestion.places import list_files, open_range, version_of

__all__ = ["STEP", "HubDataset", "Source", "SourceFile", "look", "resolve"]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?:\?[\w=&.%/-]*)?")


class SourceFile(Frozen):
    """One file: `name` is relative to the source and is what its rows are traced to.

    `version` tells whether the file is still the one that was resolved, without reading it.
    """

    name: str
    uri: str
    sha256: str
    size: int
    version: str
    shards: tuple[Shard, ...]


class HubDataset(Frozen):
    """A data set on the Hugging Face hub, pinned to a revision."""

    name: str
    config: str | None
    split: str
    revision: str


class Source(Frozen):
    """What is to be ingested."""

    given: str
    files: tuple[SourceFile, ...] = ()
    hub: HubDataset | None = None
    s3_endpoint: str | None = None

    @property
    def digests(self) -> dict[str, str]:
        """Return the digest of every part, by name."""
        if self.hub:
            return {f"hub:{self.hub.name}": self.hub.revision}
        return {file.name: file.sha256 for file in self.files}

    @property
    def digest(self) -> str:
        """Return one sha256 over everything to be read; how it is cut plays no part."""
        hub = self.hub.model_dump() if self.hub else None
        return hashlib.sha256(canonical_json([self.digests, hub])).hexdigest()

    @property
    def rows(self) -> int | None:
        """Return how many lines or rows there are (blank lines, too), or None if not yet known."""
        counts = [shard.lines for file in self.files for shard in file.shards]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None


class Part(Frozen):
    """A shard with all that is needed to read it: what a worker is sent."""

    file: SourceFile | None = None
    shard: Shard | None = None
    hub: HubDataset | None = None
    s3_endpoint: str | None = None

    @property
    def name(self) -> str:
        """Return what its rows are traced to."""
        return self.file.name if self.file else f"hub:{self.hub.name if self.hub else ''}"

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
    """Yield every shard of a source, file by file in order of name."""
    endpoint = source.s3_endpoint
    if source.hub:
        yield Part(hub=source.hub)
    for file in source.files:
        alone = file.model_copy(update={"shards": ()})
        for shard in file.shards:
            yield Part(file=alone, shard=shard, s3_endpoint=endpoint)


def look(source: str, s3_endpoint: str | None = None, limits: Limits | None = None) -> None:
    """Raise InputError if a source leads nowhere; reads no file."""
    if _listed(source, s3_endpoint, limits or Limits()) is None:
        _hub_dataset(source)


def resolve(source: str, s3_endpoint: str | None = None, limits: Limits | None = None) -> Source:
    """Return the files a source names, with digests and shards; InputError if there are none."""
    limits = limits or Limits()
    listed = _listed(source, s3_endpoint, limits)
    if listed is None:
        return Source(given=source, hub=_hub_dataset(source))
    files = tuple(_source_file(name, uri, s3_endpoint, limits) for name, uri in listed)
    endpoint = s3_endpoint if source.startswith("s3://") else None
    return Source(given=source, files=files, s3_endpoint=endpoint)


def _listed(source: str, endpoint: str | None, limits: Limits) -> list[tuple[str, str]] | None:
    """Return a source's files, or None if it can only be a data set on the hub."""
    if "://" in source and not source.startswith(("s3://", "file://")):
        raise unusable(source, "this kind of address is not read", "use a path, s3:// or a hub id")
    listed = list_files(source, endpoint, limits)
    if listed is None and not (_HUB_ID.fullmatch(source) and not Path(source).parent.is_dir()):
        raise unusable(source, "there is no such file or folder", "check the path")
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


def _hub_dataset(source: str) -> HubDataset:
    from huggingface_hub import HfApi

    address = urlsplit(source)
    asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
    try:
        revision = (
            HfApi().dataset_info(address.path, revision=asked.get("revision"), timeout=20).sha
        )
    except Exception as error:  # the hub client raises many kinds; each means the same here
        raise unusable(
            source,
            "there is no such file, and no such data set could be read from the hub "
            f"({type(error).__name__})",
            "check the spelling; a hub data set needs the network, or HF_TOKEN if it is private",
        ) from error
    return HubDataset(
        name=address.path,
        config=asked.get("config"),
        split=asked.get("split", "train"),
        revision=str(revision),
    )
