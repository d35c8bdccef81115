"""Supervised training: cross-entropy of the target tokens, which is also continued pretraining."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from data_contracts.records import Record
from tasks.finetuning.batches import Batch
from tasks.finetuning.kernels.choice import loss_sum
from tasks.finetuning.objectives.objective import Objective, Taken
from tasks.finetuning.packing import collate
from tasks.finetuning.tokenizing import Example, fit, tokenize


class Supervised(Objective):
    """Cross-entropy over target tokens, each of which is a unit."""

    name = "supervised"
    about = "the answers (or documents) as they are"
    axis = "cross-entropy per target token"

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples
        self.lengths = [len(example.tokens) for example in examples]
        # Nothing comes before a first token to predict it from.
        self._targets = [sum(example.targets[1:]) for example in examples]

    @classmethod
    def take(cls, records: Iterable[tuple[str, Record]], tokenizer: Any) -> Taken:
        """Return each record as an example."""
        found = tokenize(records, tokenizer)
        return Taken(found.examples, found.unreadable)

    @classmethod
    def size(cls, item: Example) -> int:
        """Return the example's tokens."""
        return len(item.tokens)

    @classmethod
    def fit(cls, item: Example, limit: int) -> list[Example]:
        """Return a conversation cut to the limit, or a document's pieces."""
        return fit(item, limit)

    @classmethod
    def was_cut(cls, item: Example) -> bool:
        """Tell whether a conversation lost its end."""
        return item.cut

    @classmethod
    def over(cls, items: Sequence[Example], recipe: BaseModel, teacher: Any = None) -> Objective:
        """Return the objective over examples."""
        return cls(items)

    def units(self, index: int) -> int:
        """Return an example's target tokens."""
        return self._targets[index]

    def targets(self, index: int) -> int:
        """Return the same."""
        return self._targets[index]

    def record_id(self, index: int) -> str:
        """Return the id of the record that an example came from."""
        return self.examples[index].record_id

    def collate(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Build a batch of packed rows."""
        return collate(rows, self.examples)

    def sums(self, model: Any, batch: Batch, liger: bool) -> Any:
        """Return (1): the summed cross-entropy."""
        return loss_sum(model, batch, liger)[None]
