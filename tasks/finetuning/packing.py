"""Packs examples into rows of a fixed length, so that hardly a slot is padding.

Each example attends to itself alone and its positions start at zero: a packed row computes what
its examples would compute one by one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.finetuning.tokenizing import Example

OPEN_ROWS = 64  # how many unfilled rows an example may choose from


def pack(lengths: Sequence[int], row_length: int, seed: int) -> list[list[int]]:
    """Return rows of example indices, in a seeded order, by best fit over a window of open rows."""
    order = list(range(len(lengths)))
    random.Random(seed).shuffle(order)
    open_rows: list[tuple[int, list[int]]] = []  # (free slots, indices)
    rows: list[list[int]] = []
    for index in order:
        need = lengths[index]
        fitting = [place for place, (free, _) in enumerate(open_rows) if free >= need]
        if fitting:
            best = min(fitting, key=lambda place: open_rows[place][0])
            free, row = open_rows[best]
            row.append(index)
            open_rows[best] = (free - need, row)
        else:
            row = [index]
            rows.append(row)
            open_rows.append((row_length - need, row))
        if len(open_rows) > OPEN_ROWS:
            open_rows.remove(min(open_rows, key=lambda entry: entry[0]))
    return rows


def schedule(
    lengths: Sequence[int], row_length: int, rows_per_step: int, epochs: int, seed: int
) -> list[list[list[int]]]:
    """Return, for each optimizer step of all epochs, its packed rows."""
    steps: list[list[list[int]]] = []
    for epoch in range(epochs):
        rows = pack(lengths, row_length, seed * 1_000_003 + epoch)
        random.Random(seed + epoch).shuffle(rows)
        steps += [rows[at : at + rows_per_step] for at in range(0, len(rows), rows_per_step)]
    return steps


def collate(
    rows: Sequence[Sequence[int]], examples: Sequence[Example], pad_id: int, device: Any
) -> dict[str, Any]:
    """Build the tensors of a batch of B packed rows, T = the longest of them.

    Returns `input_ids` and `position_ids` (B, T), `attention_mask` (B, 1, T, T; True = may
    attend; causal within an example, closed between examples) and, flat over the N places whose
    next token is a target, `places` (N, an index into B*T) and `labels` (N).
    """
    import torch

    width = max(sum(len(examples[index].tokens) for index in row) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    positions = torch.zeros((len(rows), width), dtype=torch.long)
    owner = torch.full((len(rows), width), -1, dtype=torch.long)
    places: list[int] = []
    labels: list[int] = []
    for line, row in enumerate(rows):
        for number, (start, example) in enumerate(_placed(row, examples)):
            end = start + len(example.tokens)
            ids[line, start:end] = torch.tensor(example.tokens)
            positions[line, start:end] = torch.arange(end - start)
            owner[line, start:end] = number
            for offset in range(1, len(example.tokens)):
                if example.targets[offset]:
                    places.append(line * width + start + offset - 1)
                    labels.append(example.tokens[offset])
    same = owner[:, :, None] == owner[:, None, :]
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    batch = {
        "input_ids": ids,
        "position_ids": positions,
        "attention_mask": (same & causal)[:, None],
        "places": torch.tensor(places, dtype=torch.long),
        "labels": torch.tensor(labels, dtype=torch.long),
    }
    return {name: tensor.to(device) for name, tensor in batch.items()}


def _placed(row: Sequence[int], examples: Sequence[Example]) -> Iterator[tuple[int, Example]]:
    start = 0
    for index in row:
        yield start, examples[index]
        start += len(examples[index].tokens)
