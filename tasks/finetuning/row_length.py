"""Chooses how many tokens a packed row holds, from the rows there are, the model and the memory.

Long enough that nothing is lost, as far as that is cheap: what a row holds is also what a step
learns from and what its memory is for, so a few very long rows do not decide it for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks.finetuning.memory import GIB, MARGIN, fit
from tasks.finetuning.recipe import ROW_LENGTH, Recipe

STEP = 64  # tokens; lengths are multiples of it
CHEAP = 2048  # tokens; up to so many every row is held whole
LONGER = 0.01  # share of the rows that may be longer than a row that is longer than CHEAP
CHOICE = ".row_length"  # in the folder that a run trains in, so that it goes on as it began
_CPU_SHARE = 0.8  # of a machine's memory, which a run without a GPU may count on
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def choose_row_length(sizes: Sequence[int], positions: int, *, splits: bool) -> int:
    """Return a row's tokens for rows of these sizes, on a model of so many positions.

    ROW_LENGTH, unless a row needs more; then what holds them all, up to CHEAP; then what all but a
    share of LONGER need. Where what is longer `splits`, as documents do, CHEAP is enough. Several
    short rows in one may hold more tokens than there are positions, as each begins at the first.
    """
    ordered = sorted(sizes) or [0]
    needed = ordered[-1]
    if needed > CHEAP:
        common = ordered[len(ordered) - 1 - int(LONGER * len(ordered))]
        needed = CHEAP if splits else max(CHEAP, common)
    if needed > positions:
        return max(positions, 2)
    return -(-max(ROW_LENGTH, needed) // STEP) * STEP


def within_memory(
    model: Any, recipe: Recipe, wanted: int, device: Any, world: int, held: int
) -> int:
    """Return the tokens of a row, `wanted` at most, by which a step fits the machine's memory.

    The machine's whole memory counts and not what is free just now, so that a run that goes on
    comes to the same. `held` are the bytes of another model. STEP at least, which may not fit.
    """
    capacity = _capacity(device, world)
    rows = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps

    def fits(tokens: int) -> bool:
        found = fit(model, recipe, False, tokens, rows, capacity, world, held)
        if device.type != "cuda" and recipe.gradient_checkpointing is None and found.checkpointing:
            return False  # without a GPU nothing checkpoints unasked
        return found.estimate.total <= MARGIN * capacity

    return wanted if fits(wanted) else _largest(fits, wanted // STEP) * STEP


def kept_length(folder: Path) -> int | None:
    """Return what an earlier life of a run chose, so that it goes on with the same rows."""
    path = folder / CHOICE
    return int(path.read_text()) if path.is_file() else None


def keep_length(folder: Path, chosen: int) -> None:
    """Keep what was chosen."""
    (folder / CHOICE).write_text(str(chosen))


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """Return the most STEPs that fit, from 1 to `most`, which is too many."""
    low, high = 1, max(most, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle * STEP) else (low, middle)
    return low


def _capacity(device: Any, world: int) -> float:
    """Return the GiB that a process may count on."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_properties(device).total_memory / GIB
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _CGROUP.read_text().strip() if _CGROUP.is_file() else "max"
    return _CPU_SHARE * min(whole, int(limit) if limit.isdigit() else whole) / GIB / world
