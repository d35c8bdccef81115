"""Reads a range of an S3 object as a stream, without a local copy.

What is read belongs to one version of the object (its ETag), or an error says that it changed. A
connection that breaks is taken up again where it broke.
"""

from __future__ import annotations

import io
import os
from typing import Any

from data_contracts.errors import IntegrityError

_ATTEMPTS = 5  # connections in a row that bring nothing


class ObjectRange(io.RawIOBase):
    """Bytes `start` to `end` (not included) of an object, as a file that can be read and sought."""

    def __init__(self, client: Any, bucket: str, key: str, etag: str, start: int, end: int) -> None:
        self._s3, self._bucket, self._key, self._etag = client, bucket, key, etag
        self._start, self._end = start, end
        self._at = start
        self._body: Any = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sought."""
        return True

    def tell(self) -> int:
        """Return the place, counted from the range's start."""
        return self._at - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; the next read asks for it anew."""
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        if base + offset != self._at:
            self._at = base + offset
            self._hang_up()
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        """Read what comes next; IntegrityError if the object is another one by now."""
        wanted = min(len(buffer), self._end - self._at)
        if wanted <= 0:
            return 0
        data = self._next(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _next(self, wanted: int) -> bytes:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        broken: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                if self._body is None:
                    self._body = self._connect()
                if data := self._body.read(wanted):
                    return data
            except (BotoCoreError, HTTPError, OSError) as error:
                broken = error
            self._hang_up()
        # Not an OSError: that would look like a damaged file to whoever unpacks the stream.
        raise RuntimeError(f"the connection to s3://{self._bucket} broke") from broken

    def _connect(self) -> Any:
        from botocore.exceptions import ClientError

        span = f"bytes={self._at}-{self._end - 1}"
        try:
            return self._s3.get_object(
                Bucket=self._bucket, Key=self._key, Range=span, IfMatch=self._etag
            )["Body"]
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in (404, 412, 416):
                raise changed(f"s3://{self._bucket}/{self._key}") from None
            raise

    def _hang_up(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        """Let go of the connection."""
        self._hang_up()
        super().close()


def changed(where: str) -> IntegrityError:
    """Return the error for a source that is not what it was when it was resolved."""
    return IntegrityError(
        "the file changed while it was being ingested",
        step="ingest",
        where=where,
        remedy="run again once nobody writes to it",
    )
