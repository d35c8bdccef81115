"""Parquet files written row by row, with a bounded number of rows in memory.

Needs pyarrow. The bytes depend on the rows alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from data_contracts.errors import shielded
from data_contracts.kinds.registry import KINDS, RecordKind

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
    fields = KINDS[kind].model_fields.items()
    return [(name, _column_type(field.annotation)) for name, field in fields]


def _column_type(annotation: Any) -> Any:
    """Return the Arrow type of a record's field: text, a truth, a number, values, or a list."""
    import pyarrow as pa

    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return pa.list_(_column_type(get_args(annotation)[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return pa.struct([(name, _column_type(field.annotation)) for name, field in fields])
    return {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}.get(annotation, pa.string())


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
