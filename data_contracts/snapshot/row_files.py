"""Parquet files written row by row, with a bounded number of rows in memory.

Needs pyarrow. The bytes depend on the rows alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_contracts.errors import shielded
from data_contracts.records import SCHEMAS, RecordKind

_GROUP_ROWS, _GROUP_CHARACTERS = 2000, 8_000_000  # a row group ends at whichever comes first


class RowFile:
    """One Parquet file being written; it is none until it is closed."""

    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.parquet as pq

        self._schema, self._rows, self._size = schema, list[dict[str, Any]](), 0
        self._writer: Any = pq.ParquetWriter(path, schema, compression="zstd")

    def add(self, row: dict[str, Any], size: int) -> None:
        """Write a row of about `size` characters."""
        self._rows.append(row)
        self._size += size
        if len(self._rows) >= _GROUP_ROWS or self._size >= _GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            with shielded("ingest"):  # Arrow quotes what it cannot convert
                table = pa.Table.from_pylist(self._rows, schema=self._schema)
            self._writer.write_table(table)
            self._rows.clear()
            self._size = 0

    def close(self) -> None:
        """Write what is buffered, and the end of the file."""
        self._flush()
        self._writer.close()


def read_row_file(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, some at a time in memory."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=64):
            yield from batch.to_pylist()


def record_columns(kind: RecordKind) -> list[tuple[str, Any]]:
    """Return the columns that hold a record's own fields."""
    import pyarrow as pa

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    return [
        (name, pa.list_(message) if name == "messages" else pa.string())
        for name in SCHEMAS[kind].model_fields
    ]


def text_columns(*names: str) -> list[tuple[str, Any]]:
    """Return columns of text."""
    import pyarrow as pa

    return [(name, pa.string()) for name in names]


def flag_columns() -> list[tuple[str, Any]]:
    """Return the columns of `RowFlags`."""
    import pyarrow as pa

    scores = [(name, pa.float64()) for name in ("language_score", "toxicity")]
    return [("language", pa.string()), *scores, ("prompt_injection", pa.string())]


def empty(folder: Path) -> None:
    """Remove what a run that died left behind."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
