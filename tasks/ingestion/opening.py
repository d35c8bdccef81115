"""Opens a shard plain or unpacked, within limits: a bomb, a cut or a false archive is one error.

What is read is checked against the digest that was taken when the source was resolved. Needs
pyarrow, whose streams unpack a bounded piece at a time and notice a missing end.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError
from tasks.ingestion.formats import STEP, file_format
from tasks.ingestion.limits import Limits, MiB
from tasks.ingestion.places import open_range, version_of
from tasks.ingestion.sources import Part
from tasks.storage.ranges import changed

_CODECS = {".gz": "gzip", ".zst": "zstd"}


def open_bounded(part: Part, limits: Limits) -> io.BufferedReader:
    """Return a shard's unpacked bytes as a stream.

    Reading raises InputError beyond the limits, IntegrityError if the file is not what it was.
    """
    import pyarrow as pa

    raw = _Checked(part)
    codec = _CODECS.get(file_format(part.name)[1])
    stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), codec) if codec else raw
    return io.BufferedReader(_Bounded(stream, raw.size, part.name, limits), MiB)


def copy_groups(part: Part, scratch: Path) -> Path:
    """Return a local Parquet file that has a shard's row groups where they belong.

    On this machine that is the file itself; from S3, a file with nothing but these groups and the
    end, below `scratch`. IntegrityError if they are not what they were.
    """
    file, shard = part.file, part.shard
    assert file is not None  # noqa: S101  (only files have row groups)
    assert shard is not None  # noqa: S101
    spans = [(shard.start, shard.end)]
    if shard.tail is not None:
        spans.append((shard.tail, file.size))
    local = Path(file.uri)
    if file.uri.startswith("s3://"):
        scratch.mkdir(parents=True, exist_ok=True)
        local = scratch / "groups.parquet"
        with local.open("wb") as out:
            out.truncate(file.size)
    digests = [
        _copy_span(part, span, local if scratch in local.parents else None) for span in spans
    ]
    found = digests[0] if len(digests) == 1 else _joined(digests)
    if found != shard.sha256:
        raise changed(file.uri)
    return local


def _copy_span(part: Part, span: tuple[int, int], into: Path | None) -> str:
    """Return the digest of a span, written to its own place in a file if one is given."""
    file = part.file
    assert file is not None  # noqa: S101
    digest = hashlib.sha256()
    out = into.open("r+b") if into else None
    try:
        with open_range(file.uri, part.s3_endpoint, file.version, *span) as raw:
            if out:
                out.seek(span[0])
            while data := raw.read(MiB):
                digest.update(data)
                if out:
                    out.write(data)
    finally:
        if out:
            out.close()
    return digest.hexdigest()


def _joined(digests: list[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()


class _Checked(io.RawIOBase):
    """The bytes of a shard as they lie there; at their end they must have been the right ones."""

    def __init__(self, part: Part) -> None:
        file, shard = part.file, part.shard
        assert file is not None  # noqa: S101  (a data set on the hub is not opened)
        assert shard is not None  # noqa: S101
        self._file, self._wanted = file, shard.sha256
        self.size = shard.end - shard.start
        self._digest = hashlib.sha256()
        span = (part.s3_endpoint, file.version, shard.start, shard.end)
        if not file.uri.startswith("s3://") and version_of(file.uri, None)[1] != file.version:
            # Touched since: whoever reads only the beginning would not notice a change.
            with open_range(file.uri, *span) as raw:
                while data := raw.read(MiB):
                    self._digest.update(data)
            self._require_unchanged()
            self._digest = hashlib.sha256()
        self._raw = open_range(file.uri, *span)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:count])
        if not count and len(buffer):
            self._require_unchanged()
        return count

    def _require_unchanged(self) -> None:
        if self._digest.hexdigest() != self._wanted:
            raise changed(self._file.uri)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Bounded(io.RawIOBase):
    """Counts what comes out, and turns what goes wrong into one message."""

    def __init__(self, stream: Any, packed_size: int, name: str, limits: Limits) -> None:
        self._stream, self._packed, self._name, self._limits = stream, packed_size, name, limits
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except OSError as error:
            raise InputError(
                "the archive cannot be read: it is cut short, damaged, or not what its name says",
                step=STEP,
                where=self._name,
                remedy="unpack it by hand to see, and fetch it again",
            ) from error
        self._out += len(data)
        self._require_within_limits()
        buffer[: len(data)] = data
        return len(data)

    def _require_within_limits(self) -> None:
        limits = self._limits
        swollen = self._out > limits.unpacked_ratio * max(1, self._packed)
        if self._out > limits.unpacked_bytes or (swollen and self._out > limits.ratio_checked_from):
            raise InputError(
                f"the archive unpacks to more than it should ({self._out:,} bytes and more, from "
                f"{self._packed:,})",
                step=STEP,
                where=self._name,
                remedy="if this is no archive bomb, unpack it and give the plain file",
            )

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
