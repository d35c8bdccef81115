"""Where files lie: on this machine or on S3. Lists them, and opens a range of one as a stream.

S3 is read with ranged requests; there is never a local copy. Writes nothing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tasks.ingestion.formats import SUPPORTED, file_format, unusable
from tasks.ingestion.layout import Layout, as_given, lay_out
from tasks.ingestion.limits import Limits, MiB
from tasks.storage.objects import s3_client
from tasks.storage.ranges import ObjectRange, changed

S3 = "s3://"
_S3_ADVICE = "check the address, the credentials in the environment and the endpoint"


class Listing(NamedTuple):
    """The files of a source: what they are, and the address of each by its name."""

    layout: Layout
    addresses: Mapping[str, str]


def list_files(source: str, endpoint: str | None, limits: Limits) -> Listing | None:
    """Return the files of a source; None if there is no such place.

    Raises InputError if there is such a place and nothing in it can be read.
    """
    if source.startswith(S3):
        return _s3_files(source, endpoint, limits)
    path = Path(source.removeprefix("file://")).expanduser()
    if path.is_file():
        if not file_format(path.name)[0]:
            raise unusable(str(path), "this kind of file is not read", SUPPORTED)
        return Listing(as_given(path.name), {path.name: str(path.resolve())})
    return _folder_files(path, limits) if path.is_dir() else None


def version_of(uri: str, endpoint: str | None) -> tuple[int, str]:
    """Return a file's size and something that changes when the file does."""
    if not uri.startswith(S3):
        try:
            found = Path(uri).stat()
        except OSError:
            raise changed(uri) from None
        return found.st_size, str(found.st_mtime_ns)
    bucket, key = _bucket_and_key(uri)
    with _S3Errors(uri):
        head = _client(endpoint).head_object(Bucket=bucket, Key=key)
    return int(head["ContentLength"]), str(head["ETag"])


def open_range(uri: str, endpoint: str | None, version: str, start: int, end: int) -> io.RawIOBase:
    """Open bytes `start` to `end` (not included) of a file; on S3, of this version alone."""
    if not uri.startswith(S3):
        return _FileRange(uri, start, end)
    bucket, key = _bucket_and_key(uri)
    return ObjectRange(_client(endpoint), bucket, key, version, start, end)


class _FileRange(io.RawIOBase):
    """A range of a local file; what lies around it is not there."""

    def __init__(self, path: str, start: int, end: int) -> None:
        self._file, self._start, self._end = io.FileIO(path), start, end
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._end - self._start}
        self._file.seek(self._start + base[whence] + offset)
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        room = max(0, self._end - self._file.tell())
        return self._file.readinto(memoryview(buffer)[:room]) or 0

    def close(self) -> None:
        self._file.close()
        super().close()


def _folder_files(folder: Path, limits: Limits) -> Listing:
    root = folder.resolve()
    paths = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    layout = lay_out(paths, lambda name: _beginning(str(paths[name]), None), str(folder))
    _require_few(layout, str(folder), limits)
    addresses: dict[str, str] = {}
    for file in layout.files:
        real = paths[file.name].resolve()
        if not real.is_relative_to(root):
            raise unusable(
                str(paths[file.name]), "the link leads out of the folder", "copy the file in"
            )
        addresses[file.name] = str(real)
    return Listing(layout, addresses)


def _s3_files(address: str, endpoint: str | None, limits: Limits) -> Listing:
    bucket, prefix = _bucket_and_key(address)
    with _S3Errors(address):
        found = _s3_keys(_client(endpoint), bucket, prefix)
        if found == [prefix] and file_format(prefix)[0]:
            name = prefix.rpartition("/")[2]
            return Listing(as_given(name), {name: address})
        if not any(file_format(key)[0] for key in found):
            raise unusable(address, "nothing there can be read", SUPPORTED)
        below = len(f"{prefix.rstrip('/')}/") if prefix else 0
        uris = {key[below:]: f"{S3}{bucket}/{key}" for key in found if not key.endswith("/")}
        layout = lay_out(uris, lambda name: _beginning(uris[name], endpoint), address)
    _require_few(layout, address, limits)
    return Listing(layout, {file.name: uris[file.name] for file in layout.files})


def _require_few(layout: Layout, where: str, limits: Limits) -> None:
    if len(layout.files) > limits.files:
        raise unusable(where, f"more than {limits.files} files are there", "split it")


def _beginning(uri: str, endpoint: str | None) -> bytes:
    """Return what a small file holds: a README, or what a library wrote about its files."""
    size, version = version_of(uri, endpoint)
    with open_range(uri, endpoint, version, 0, min(size, MiB)) as file:
        return file.read(MiB) or b""


def _s3_keys(client: Any, bucket: str, prefix: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [item["Key"] for page in pages for item in page.get("Contents", [])]
    below = prefix.rstrip("/") + "/"
    if prefix in found and not prefix.endswith("/"):
        return [prefix]
    return [key for key in found if not prefix or key.startswith(below)]


class _S3Errors:
    """Turns what boto3 raises into one error of ours."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, BotoCoreError | ClientError):
            # An AWS message names the bucket and the reason, never what lies in it.
            raise unusable(self._where, f"S3 cannot be read: {error}", _S3_ADVICE) from error


@lru_cache(maxsize=4)
def _client(endpoint: str | None) -> Any:
    return s3_client(endpoint)


def _bucket_and_key(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(S3).partition("/")
    return bucket, key
