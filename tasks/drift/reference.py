"""The reference: what the champion was trained on, as numbers a row.

Needs a snapshot folder (data_contracts/snapshot/reading.py) and an embedding function; writes the
rows of the train split, which a window is compared with, and of the held-out splits, which a
calibration draws quiet windows from, into a folder.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.records import Split
from data_contracts.snapshot.reading import read_records
from tasks.drift.rows import Rows, rows_of
from tasks.drift.texts import exchanges

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

MOST = 10_000  # exchanges; more of them find new topics no better
TRAIN: tuple[Split, ...] = ("train",)
HELD_OUT: tuple[Split, ...] = ("validation", "test")


def write_reference(snapshot: Path, embed: Embed, folder: Path) -> dict[str, int]:
    """Write `train.npz` and `held_out.npz` and return the counts."""
    counts: dict[str, int] = {}
    for name, splits in (("train", TRAIN), ("held_out", HELD_OUT)):
        rows = rows_of(read_exchanges(snapshot, splits), embed)
        rows.save(folder / f"{name}.npz")
        counts[name] = len(rows)
    return counts


def read_rows(folder: Path, name: str = "train") -> Rows:
    """Read rows back: `train` or `held_out`."""
    return Rows.load(folder / f"{name}.npz")


def read_exchanges(
    snapshot: Path, splits: Sequence[Split] = TRAIN, most: int = MOST
) -> list[tuple[str, str]]:
    """Return up to so many exchanges of a snapshot's splits, in order of record id.

    An id is a hash of the content, so the smallest ids are a random sample, the same every time,
    and a large snapshot is never held whole. A snapshot of documents has no exchanges.
    """
    records = (
        (identity[::-1], record)
        for split in splits
        for identity, record in read_records(snapshot, split)
    )
    # The split follows from an id's first digits, so the order goes by the last ones.
    chosen = heapq.nsmallest(most, records, key=lambda pair: pair[0])
    pairs = [pair for _, record in chosen for pair in exchanges(record.conversation())]
    return pairs[:most]
