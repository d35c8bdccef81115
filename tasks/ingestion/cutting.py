"""Cuts a file into shards while its digest is taken: one pass, and no copy of it.

JSON lines are cut at line ends, Parquet between row groups; other formats are one shard a file.
Where a file is cut depends on its bytes and on `shard_bytes` alone. Needs pyarrow for Parquet.
Writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from tasks.ingestion.formats import STEP

_MAGIC = 4  # bytes before a Parquet file's first row group


class Shard(Frozen):
    """A part of one file that can be read alone.

    It is the bytes `start` to `end` (not included), whose sha256 is given. Of a Parquet file it is
    row groups `groups`; its digest then covers the bytes from `tail` on, too, which say what is in
    them. `lines` is how many lines or rows it has, where that is known without reading it.
    """

    file: str
    start: int
    end: int
    sha256: str
    first_line: int = 1
    lines: int | None = None
    groups: tuple[int, int] | None = None
    tail: int | None = None


class RowGroups(Frozen):
    """What the end of a Parquet file says: where each row group ends, and how many rows it has."""

    ends: tuple[int, ...]
    rows: tuple[int, ...]


def cut_lines(name: str, chunks: Iterable[bytes], shard_bytes: int) -> tuple[str, list[Shard]]:
    """Return a JSON lines file's sha256 and its shards: each ends after a line's end."""
    pieces = _Pieces()
    for chunk in chunks:
        pieces.whole.update(chunk)
        rest = chunk
        while rest:
            # The end of the line that holds the last byte of a full shard.
            least = max(0, shard_bytes - 1 - pieces.size)
            cut = rest.find(b"\n", least) + 1
            pieces.add(rest[:cut] if cut else rest)
            rest = rest[cut:] if cut else b""
            if cut:
                pieces.close()
    pieces.close()
    shards: list[Shard] = []
    line = 1
    for start, end, digest, lines in pieces.done:
        shards.append(
            Shard(file=name, start=start, end=end, sha256=digest, first_line=line, lines=lines)
        )
        line += lines
    return pieces.whole.hexdigest(), shards


def cut_groups(
    name: str, chunks: Iterable[bytes], groups: RowGroups, shard_bytes: int
) -> tuple[str, list[Shard]]:
    """Return a Parquet file's sha256 and its shards: as many row groups as fit, at least one."""
    chosen = _groups_together(groups, shard_bytes)
    ends = [groups.ends[last - 1] for _, last in chosen]
    pieces = _Pieces()
    for chunk in chunks:
        pieces.whole.update(chunk)
        rest = chunk
        while rest:
            passed = len(pieces.done)
            room = ends[passed] - pieces.at if passed < len(ends) else len(rest)
            pieces.add(rest[:room])
            rest = rest[room:]
            if passed < len(ends) and pieces.at == ends[passed]:
                pieces.close()
    pieces.close(always=True)
    *bodies, (tail, _, of_tail, _) = pieces.done
    shards: list[Shard] = []
    line = 1
    for (first, last), (start, end, digest, _) in zip(chosen, bodies, strict=True):
        rows = sum(groups.rows[first:last])
        both = hashlib.sha256(f"{digest}{of_tail}".encode()).hexdigest()
        shards.append(
            Shard(
                file=name,
                start=start,
                end=end,
                sha256=both,
                first_line=line,
                lines=rows,
                groups=(first, last),
                tail=tail,
            )
        )
        line += rows
    return pieces.whole.hexdigest(), shards


def no_cut(name: str, chunks: Iterable[bytes], lines: int | None = None) -> tuple[str, list[Shard]]:
    """Return a file's sha256 and the one shard that it is."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    found = digest.hexdigest()
    return found, [Shard(file=name, start=0, end=size, sha256=found, lines=lines)]


def row_groups(file: Any, size: int, where: str) -> RowGroups | None:
    """Read the end of a Parquet file; None if its row groups do not lie one behind the other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            meta: Any = parquet.metadata
            spans = [_span(meta.row_group(number)) for number in range(meta.num_row_groups)]
            rows = [int(meta.row_group(number).num_rows) for number in range(meta.num_row_groups)]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(where, "Parquet") from error
    except ValueError:  # row groups without columns or places
        return None
    place = _MAGIC
    for start, end in spans:
        if not place <= start <= end <= size:
            return None
        place = end
    return RowGroups(ends=tuple(end for _, end in spans), rows=tuple(rows)) if spans else None


def damaged(where: str, form: str) -> InputError:
    """Return the error for a file that is no Parquet (or Arrow), or was."""
    return InputError(
        f"the {form} file cannot be read: it is damaged or not {form}",
        step=STEP,
        where=where,
        remedy="write or fetch it again (of a cloned data set: git lfs pull)",
    )


class _Pieces:
    """The pieces that are done, and the one that grows: start, end, sha256, lines."""

    def __init__(self) -> None:
        self.whole, self._piece = hashlib.sha256(), hashlib.sha256()
        self.at = self.size = self._lines = 0
        self._open_line = False
        self.done: list[tuple[int, int, str, int]] = []

    def add(self, data: bytes) -> None:
        if data:
            self._piece.update(data)
            self.at += len(data)
            self.size += len(data)
            self._lines += data.count(b"\n")
            self._open_line = not data.endswith(b"\n")

    def close(self, *, always: bool = False) -> None:
        if self.size or always or (not self.done and not self.at):
            lines = self._lines + self._open_line
            self.done.append((self.at - self.size, self.at, self._piece.hexdigest(), lines))
        self._piece, self.size, self._lines, self._open_line = hashlib.sha256(), 0, 0, False


def _groups_together(groups: RowGroups, shard_bytes: int) -> list[tuple[int, int]]:
    chosen: list[tuple[int, int]] = []
    first, start = 0, _MAGIC
    for number, end in enumerate(groups.ends):
        if end - start >= shard_bytes or number == len(groups.ends) - 1:
            chosen.append((first, number + 1))
            first, start = number + 1, end
    return chosen


def _span(group: Any) -> tuple[int, int]:
    """Return where a row group's columns begin and end."""
    starts: list[int] = []
    ends: list[int] = []
    for number in range(group.num_columns):
        column = group.column(number)
        offsets = [column.data_page_offset, column.dictionary_page_offset]
        start = min(offset for offset in offsets if offset is not None and offset > 0)
        starts.append(start)
        ends.append(start + column.total_compressed_size)
    return min(starts), max(ends)
