"""What the training loop asks of an objective.

The loop knows examples by their index alone: what one is (a conversation, a pair of answers) and
what its loss is over (tokens, pairs) is the objective's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tasks.finetuning.batches import Batch
from tasks.finetuning.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Preparing:
    """Where and among whom an objective prepares; `progress(done, total)` hears how far it is."""

    folder: Path
    device: Any
    ranks: Ranks = ALONE
    progress: Callable[[int, int], None] = lambda done, total: None


class Objective(Protocol):
    """A loss over examples, as a sum over units that the loop divides by a whole step's units."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each example; a pair counts both of its documents."""
        ...

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what `sums` returns behind the loss; empty for most."""
        ...

    @property
    def axis(self) -> str:
        """What a plot of the loss writes beside it."""
        ...

    @property
    def held_bytes(self) -> int:
        """Bytes of another model that the loss needs in memory."""
        ...

    def units(self, index: int) -> int:
        """Return how many units of the mean an example holds: target tokens, or pairs.

        It needs no batch, so that each process knows a whole step's units from the plan.
        """
        ...

    def targets(self, index: int) -> int:
        """Return how many tokens of an example the loss looks at."""
        ...

    def record_id(self, index: int) -> str:
        """Return the id of the record that an example came from."""
        ...

    def is_cut(self, index: int) -> bool:
        """Tell whether an example's record was longer than the limit, and lost its end."""
        ...

    def prepare(self, model: Any, row_length: int, preparing: Preparing) -> None:
        """Compute what the loss needs of the starting weights, and keep it in a folder.

        Called once before the first batch; what stands in the folder already is used again.
        """
        ...

    def collate(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Build a batch, on the CPU, of packed rows of indices."""
        ...

    def sums(self, model: Any, batch: Batch, liger: bool) -> Any:
        """Return float32 (1 + F): a batch's loss summed over its units, and F figures likewise.

        `model` is a causal LM without its adapters' wrapper; only the loss carries a gradient.
        """
        ...


def units_of(objective: Objective, rows: Sequence[Sequence[int]]) -> int:
    """Return the units of some packed rows, such as those of a step."""
    return sum(objective.units(index) for row in rows for index in row)
