"""Writes a snapshot's Parquet files: shards a split, bounded in rows, quarantine and duplicates.

Needs pyarrow. The bytes depend on the rows alone. Writes `data/<split>-NNNNN.parquet`,
`quarantine.parquet` and `duplicates.parquet` below the folder it is given, and hands on the name of
each file that is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Split
from data_contracts.snapshot.reading import DUPLICATES, QUARANTINE
from data_contracts.snapshot.row_files import RowFile, flag_columns, record_columns, text_columns


class SnapshotWriter:
    """The open Parquet files of one snapshot; what is not closed is not a file yet."""

    def __init__(
        self,
        out: Path,
        kind: RecordKind,
        shard_rows: int,
        done: Callable[[str], None],
        *,
        synthetic: bool = False,
    ) -> None:
        """Open them; `synthetic`: rows say what a model made them of."""
        self._out, self._shard_rows, self._done = out, shard_rows, done
        self._schema = _kept_schema(kind, ("synthetic",) if synthetic else ())
        self._open: dict[str, tuple[str, RowFile]] = {}
        self.written: Counter[Split] = Counter()
        (out / "data").mkdir(parents=True)
        self._quarantine = RowFile(out / QUARANTINE, _quarantine_schema())
        self._dropped = RowFile(out / DUPLICATES, _dropped_schema())

    def close(self) -> None:
        """Write what is buffered and close every file."""
        for split in list(self._open):
            self._close(split)
        for file in (self._quarantine, self._dropped):
            file.close()  # not done yet: it is kept elsewhere if the contract is broken

    def keep(self, row: Mapping[str, Any], split: Split, place: tuple[str, int], size: int) -> None:
        """Write one row of a worked shard; `place` is its source and line."""
        number, within = divmod(self.written[split], self._shard_rows)
        if within == 0:
            self._close(split)
            name = f"data/{split}-{number:05d}.parquet"
            self._open[split] = name, RowFile(self._out / name, self._schema)
        self.written[split] += 1
        columns = {name: row[name] for name in self._schema.names if name in row}
        columns |= {"split": split, "source": place[0], "line": place[1]}
        self._open[split][1].add(columns, size)

    def quarantine(self, place: tuple[str, int], row: Mapping[str, Any], text: str) -> None:
        """Write one row that was not kept, its text already redacted."""
        columns = {name: row[name] for name in ("id", "reason", "subject")}
        columns |= {"source": place[0], "line": place[1], "row": text}
        self._quarantine.add(columns, len(text))

    def drop(
        self, place: tuple[str, int], row: Mapping[str, Any], text: str, reason: str, stays: str
    ) -> None:
        """Write one row that was dropped as a duplicate of the row whose id is `stays`."""
        columns = {"id": row["id"], "subject": row["subject"], "reason": reason, "same_as": stays}
        columns |= {"source": place[0], "line": place[1], "row": text}
        self._dropped.add(columns, len(text))

    def _close(self, split: str) -> None:
        if split in self._open:
            name, file = self._open.pop(split)
            file.close()
            self._done(name)


def _kept_schema(kind: RecordKind, more: Sequence[str]) -> Any:
    import pyarrow as pa

    head = [*text_columns("id", "split", "source"), ("line", pa.int64())]
    tail = [*text_columns("subject", "redactions", *more), *flag_columns()]
    return pa.schema([*head, *record_columns(kind), *tail])


def _quarantine_schema() -> Any:
    import pyarrow as pa

    head = [*text_columns("source"), ("line", pa.int64())]
    return pa.schema([*head, *text_columns("reason", "row", "id", "subject")])


def _dropped_schema() -> Any:
    import pyarrow as pa

    return pa.schema([*_quarantine_schema(), *text_columns("same_as")])
