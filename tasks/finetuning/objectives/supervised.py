"""Supervised training: cross-entropy of the target tokens, which is also continued pretraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.finetuning.batches import Batch
from tasks.finetuning.kernels.choice import loss_sum
from tasks.finetuning.objectives.objective import Preparing
from tasks.finetuning.packing import collate
from tasks.finetuning.tokenizing import Example


class Supervised:
    """Cross-entropy over target tokens, each of which is a unit."""

    axis = "cross-entropy per target token"
    figures: tuple[str, ...] = ()
    held_bytes = 0

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples
        self.lengths = [len(example.tokens) for example in examples]
        # Nothing comes before a first token to predict it from.
        self._targets = [sum(example.targets[1:]) for example in examples]

    def units(self, index: int) -> int:
        """Return an example's target tokens."""
        return self._targets[index]

    def targets(self, index: int) -> int:
        """Return the same."""
        return self._targets[index]

    def record_id(self, index: int) -> str:
        """Return the id of the record that an example came from."""
        return self.examples[index].record_id

    def is_cut(self, index: int) -> bool:
        """Tell whether an example's record lost its end."""
        return self.examples[index].cut

    def prepare(self, model: Any, row_length: int, preparing: Preparing) -> None:
        """Do nothing: this loss looks at no other weights."""

    def collate(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Build a batch of packed rows."""
        return collate(rows, self.examples)

    def sums(self, model: Any, batch: Batch, liger: bool) -> Any:
        """Return (1): the summed cross-entropy."""
        return loss_sum(model, batch, liger)[None]
