"""Packs examples into rows of a fixed length, so that hardly a slot stays empty.

Each example attends to itself alone and its positions start at zero: a packed row computes what
its examples would compute one by one. A batch is one flat sequence without a padding token.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tasks.finetuning.tokenizing import Example
from tasks.models.attention.packed import boundaries

OPEN_ROWS = 64  # unfilled rows that an example may choose from
NEAR = 8  # steps, among whose rows those that cost alike are put together


class _OpenRows:
    """Rows with room left. Bit f of an integer tells whether a row with f free slots is there."""

    def __init__(self) -> None:
        self.rows: dict[int, list[list[int]]] = {}
        self.free, self.count = 0, 0

    def put(self, free: int, row: list[int]) -> None:
        self.rows.setdefault(free, []).append(row)
        self.free |= 1 << free
        self.count += 1

    def take(self, need: int) -> tuple[int, list[int]] | None:
        """Take out the row with the least room that has room for `need`."""
        fitting = self.free >> need
        if not fitting:
            return None
        free = need + (fitting & -fitting).bit_length() - 1
        rows = self.rows[free]
        row = rows.pop()
        self.count -= 1
        if not rows:
            del self.rows[free]
            self.free ^= 1 << free
        return free, row


def pack_stream(sizes: Iterable[tuple[int, int]], row_length: int) -> Iterator[list[int]]:
    """Yield rows of indices from (index, length) pairs, lengths from 1 to `row_length`.

    Each goes into the row that it fills best, of OPEN_ROWS at most, so that memory does not grow
    with the stream; and in the order it comes, so that rows mix long and short ones as chance has
    it, which sorting would not.
    """
    open_rows = _OpenRows()
    for index, need in sizes:
        free, row = open_rows.take(need) or (row_length, list[int]())
        row.append(index)
        if free > need:
            open_rows.put(free - need, row)
        else:
            yield row
        if open_rows.count > OPEN_ROWS:
            yield _fullest(open_rows)
    while open_rows.count:
        yield _fullest(open_rows)


def _fullest(open_rows: _OpenRows) -> list[int]:
    found = open_rows.take(1)
    return found[1] if found else []


def pack(lengths: Sequence[int], row_length: int, seed: int) -> list[list[int]]:
    """Return rows of example indices, every example in one of them, in a seeded order."""
    order = list(range(len(lengths)))
    random.Random(seed).shuffle(order)
    rows = list(pack_stream(((index, lengths[index]) for index in order), row_length))
    random.Random(seed).shuffle(rows)
    return rows


def schedule(
    lengths: Sequence[int], row_length: int, rows_per_step: int, epochs: int, seed: int
) -> list[list[list[int]]]:
    """Return, for each optimizer step of all epochs, its packed rows.

    Rows of as many tokens differ by what attention costs, which grows with the square of a
    document's length, and a step waits for the process whose row costs most. So a step's rows are
    ones that cost alike, of those that chance put near.
    """
    steps: list[list[list[int]]] = []
    for epoch in range(epochs):
        own = seed * 1_000_003 + epoch
        rows = pack(lengths, row_length, own)
        if rows_per_step > 1:
            rows = _alike_together(rows, lengths, rows_per_step, own)
        steps += [rows[at : at + rows_per_step] for at in range(0, len(rows), rows_per_step)]
    return steps


def _alike_together(
    rows: list[list[int]], lengths: Sequence[int], rows_per_step: int, seed: int
) -> list[list[int]]:
    """Return the rows so that each step's cost alike; what fills no step stays at the end."""
    rng = random.Random(seed)
    whole = len(rows) // rows_per_step * rows_per_step
    ordered: list[list[int]] = []
    for begin in range(0, whole, NEAR * rows_per_step):
        near = rows[begin : min(begin + NEAR * rows_per_step, whole)]
        near.sort(key=lambda row: sum(lengths[index] ** 2 for index in row))
        steps = [near[at : at + rows_per_step] for at in range(0, len(near), rows_per_step)]
        rng.shuffle(steps)
        ordered += [row for step in steps for row in step]
    return ordered + rows[whole:]


def collate(rows: Sequence[Sequence[int]], examples: Sequence[Example]) -> dict[str, Any]:
    """Build a batch of packed rows as one sequence of T tokens in D documents, on the CPU.

    Returns `input_ids` and `position_ids` (1, T); the documents' `boundaries`; and, over the N
    places whose next token is a target, `places` (N, an index into T) and `labels` (N).
    """
    import numpy as np
    import torch

    documents = [examples[index] for row in rows for index in row]
    lengths = [len(document.tokens) for document in documents]
    ids = np.concatenate([np.asarray(document.tokens) for document in documents]).astype(np.int64)
    starts = np.cumsum([0, *lengths[:-1]])
    positions = np.arange(len(ids)) - np.repeat(starts, lengths)
    wanted = np.frombuffer(b"".join(document.targets for document in documents), dtype=bool)
    # Nothing comes before a first token to predict it from.
    targets = np.flatnonzero(wanted & (positions > 0))
    return {
        "input_ids": torch.from_numpy(ids)[None],
        "position_ids": torch.from_numpy(positions)[None],
        **boundaries(lengths),
        "places": torch.from_numpy(targets - 1),
        "labels": torch.from_numpy(ids[targets]),
    }
