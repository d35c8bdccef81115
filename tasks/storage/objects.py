"""An object store as files or as S3: the same few verbs over both.

Keys are `/`-separated and relative. Needs boto3 only when the address is `s3://`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from data_contracts.errors import InputError


class ObjectStore(Protocol):
    """What every stage may ask of a store."""

    @property
    def uri(self) -> str:
        """Return the address that keys are relative to, without a trailing slash."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        ...

    def read(self, key: str) -> bytes:
        """Return an object's bytes; FileNotFoundError if there is none."""
        ...

    def write(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Write bytes at once; with `only_if_absent`, return False if the key is taken."""
        ...

    def upload(self, key: str, path: Path) -> None:
        """Store a file's bytes under the key; the file itself may be moved away."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Copy an object into a file."""
        ...

    def remove(self, key: str) -> None:
        """Take an object away; one that is not there changes nothing."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, sorted."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where the key lies on this machine, or None if it does not."""
        ...


class LocalStore:
    """Objects as files below a folder; writes are atomic."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def uri(self) -> str:
        """Return the folder as a file address."""
        return f"file://{self._root}"

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise InputError(f"the key {key!r} leaves the store", step="storage", where=self.uri)
        return path

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        return self._path(key).is_file()

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self._path(key).read_bytes()

    def write(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Write bytes through a temporary file, synced before it takes its name."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if not only_if_absent:
                Path(name).replace(path)
                return True
            try:
                os.link(name, path)
            except FileExistsError:
                return False
            return True
        finally:
            Path(name).unlink(missing_ok=True)

    def upload(self, key: str, path: Path) -> None:
        """Move a file into the store."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)

    def download(self, key: str, path: Path) -> None:
        """Copy an object into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._path(key), path)

    def remove(self, key: str) -> None:
        """Delete a file, and the folders that are empty then."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._root.resolve() or folder.parent == self._root.resolve():
                return
            try:
                folder.rmdir()
            except OSError:  # something is left in it, or it is gone
                return

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, sorted."""
        root = self._root.resolve()
        # Not pathlib's own, which on Python 3.11 raises where a folder goes while it looks.
        found = (Path(at, name) for at, _, names in os.walk(self._path(prefix)) for name in names)
        for path in sorted(found):
            if path.is_file() and not path.name.startswith(".writing-"):
                yield path.relative_to(root).as_posix()

    def local_path(self, key: str) -> Path | None:
        """Return the key's own path: it is already here."""
        return self._path(key)


class S3Store:
    """Objects below a prefix of an S3 bucket."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix = client, bucket, prefix.strip("/")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as an address: a client cannot."""
        return (open_store, (self.uri, self._s3.meta.endpoint_url))

    @property
    def uri(self) -> str:
        """Return the address of the prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{key}".strip("/")

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        try:
            self._s3.head_object(Bucket=self._bucket, Key=self._key(key))
        except self._s3.exceptions.ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return True

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=self._key(key))["Body"].read()
        except self._s3.exceptions.ClientError as error:
            if _status(error) == 404:
                raise FileNotFoundError(f"{self.uri}/{key}") from error
            raise

    def write(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Put bytes; `only_if_absent` is S3's own If-None-Match condition."""
        condition = {"IfNoneMatch": "*"} if only_if_absent else {}
        try:
            self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, **condition)
        except self._s3.exceptions.ClientError as error:
            if only_if_absent and _status(error) in (409, 412):
                return False
            raise
        return True

    def upload(self, key: str, path: Path) -> None:
        """Upload a file, in parts where it is large; the server checks the sha256 of each part."""
        checked = {"ChecksumAlgorithm": "SHA256"}
        self._s3.upload_file(str(path), self._bucket, self._key(key), ExtraArgs=checked)

    def download(self, key: str, path: Path) -> None:
        """Download an object into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._s3.download_file(self._bucket, self._key(key), str(path))

    def remove(self, key: str) -> None:
        """Delete an object."""
        self._s3.delete_object(Bucket=self._bucket, Key=self._key(key))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, sorted as S3 lists them; InputError if it cannot."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield from self._listed(prefix)
        except (BotoCoreError, ClientError) as error:
            raise InputError(
                f"the store did not answer as it should ({type(error).__name__})",
                step="storage",
                where=self.uri,
                remedy="check the bucket's name, the credentials and PADDOCK_S3_ENDPOINT_URL",
            ) from error

    def _listed(self, prefix: str) -> Iterator[str]:
        below = self._key(prefix).rstrip("/")
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{below}/" if below else ""
        )
        cut = len(self._prefix) + 1 if self._prefix else 0
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"][cut:]

    def local_path(self, key: str) -> Path | None:
        """Return None: the bytes are elsewhere."""
        return None


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def s3_client(endpoint_url: str | None = None, seconds: float | None = None) -> Any:
    """Return a boto3 S3 client; credentials come from AWS's own places.

    With `seconds`, one that gives up when nothing answered for so long.
    """
    from boto3.session import Session
    from botocore.config import Config

    retries = Config(retries={"max_attempts": 6, "mode": "standard"})
    if seconds:
        retries = Config(
            retries={"total_max_attempts": 1}, connect_timeout=seconds, read_timeout=seconds
        )
    # The session that boto3.client shares must not be used by several threads at once.
    return Session().client("s3", endpoint_url=endpoint_url or None, config=retries)


def open_store(uri: str, endpoint_url: str | None = None) -> ObjectStore:
    """Open the store an address names: `s3://bucket/prefix`, `file://…` or a path."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        return S3Store(s3_client(endpoint_url), parts.netloc, parts.path)
    if parts.scheme in ("", "file"):
        return LocalStore(Path(parts.path if parts.scheme else uri).absolute())
    raise InputError(
        f"{parts.scheme}:// is not a store", step="storage", where=uri, remedy="use s3:// or a path"
    )


def open_briefly(uri: str, endpoint_url: str | None, seconds: float) -> ObjectStore:
    """Open a store to see whether it answers, which it must within so many seconds."""
    parts = urlsplit(uri)
    if parts.scheme != "s3":
        return open_store(uri)
    return S3Store(s3_client(endpoint_url, seconds), parts.netloc, parts.path)
