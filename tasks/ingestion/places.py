"""Where files lie: on this machine or on S3. Lists them, and opens a range of one as a stream.

S3 is read with ranged requests; there is never a local copy. Writes nothing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.ingestion.formats import SUPPORTED, file_format, unusable
from tasks.ingestion.limits import Limits
from tasks.storage.objects import s3_client
from tasks.storage.ranges import ObjectRange, changed

S3 = "s3://"
_S3_ADVICE = "check the address, the credentials in the environment and the endpoint"


def list_files(source: str, endpoint: str | None, limits: Limits) -> list[tuple[str, str]] | None:
    """Return (name, address) of every file of a source, sorted; None if there is no such place.

    Raises InputError if there is such a place and nothing in it can be read.
    """
    if source.startswith(S3):
        return [(uri, uri) for uri in _s3_files(source, endpoint, limits)]
    path = Path(source.removeprefix("file://")).expanduser()
    if path.is_file():
        if not file_format(path.name)[0]:
            raise unusable(str(path), "this kind of file is not read", SUPPORTED)
        return [(path.name, str(path.resolve()))]
    return list(_folder_files(path, limits)) if path.is_dir() else None


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


def _folder_files(folder: Path, limits: Limits) -> Iterator[tuple[str, str]]:
    root = folder.resolve()
    found = [
        path
        for path in sorted(root.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
        and file_format(path.name)[0]
    ]
    if not found:
        raise unusable(str(folder), "the folder holds no file that can be read", SUPPORTED)
    if len(found) > limits.files:
        raise unusable(str(folder), f"the folder holds more than {limits.files} files", "split it")
    for path in found:
        real = path.resolve()
        if not real.is_relative_to(root):
            raise unusable(str(path), "the link leads out of the folder", "copy the file in")
        yield path.relative_to(root).as_posix(), str(real)


def _s3_files(address: str, endpoint: str | None, limits: Limits) -> list[str]:
    bucket, prefix = _bucket_and_key(address)
    with _S3Errors(address):
        keys = [key for key in _s3_keys(_client(endpoint), bucket, prefix) if file_format(key)[0]]
    if not keys:
        raise unusable(address, "nothing there can be read", SUPPORTED)
    if len(keys) > limits.files:
        raise unusable(address, f"more than {limits.files} objects are there", "narrow it")
    return [f"{S3}{bucket}/{key}" for key in keys]


def _s3_keys(client: Any, bucket: str, prefix: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [item["Key"] for page in pages for item in page.get("Contents", [])]
    below = prefix.rstrip("/") + "/"
    if prefix in found:
        return [prefix]
    return sorted(key for key in found if not prefix or key.startswith(below))


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
