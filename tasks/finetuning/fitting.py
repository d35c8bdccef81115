"""Fits a job's rows into packed rows: how long those are, and what becomes of each row.

Looked at before a model is loaded, and again where the machine's memory holds shorter rows only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_contracts.kinds.registry import KINDS
from data_contracts.records import Split
from data_contracts.snapshot.reading import read_records
from tasks.finetuning.objectives.objective import Objective
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.row_length import choose_row_length, kept_length, within_memory
from tasks.finetuning.rows import RowAccount, Rows, require_rows, take_rows
from tasks.models.canaries import canaries
from tasks.models.chat_rendering import splits_first_token

SPLIT = (
    "the chat template's generation prompt ends within an answer's first token (with a space, as "
    "a rule): that token is trained whole, and a model that is asked begins behind the space; end "
    "the prompt before the space"
)
Report = Callable[[dict[str, Any]], None]


class Fitting:
    """A job's rows and their account.

    Making one looks at the rows, reports the account, and raises an error (see `require_rows`) if
    too few of them would train. `positions` are those of the base model.
    """

    def __init__(self, job: TrainingJob, tokenizer: Any, positions: int, report: Report) -> None:
        self._job, self._report, self._tokenizer = job, report, tokenizer
        self.train = self._take("train", tokenizer, job.rows_asked)
        self.validation = self._take("validation", tokenizer)
        self._settled = job.recipe.max_seq_length or kept_length(Path(job.out))
        self.account = self._look(self._settled or self._choose(positions))

    def settle(self, model: Any, device: Any, world: int, held: int) -> Recipe:
        """Return the recipe with the length of its rows, which the memory has a word in."""
        length = self.account.row_length
        if not self._settled:
            length = within_memory(model, self._job.recipe, length, device, world, held)
        if length < self.account.row_length:
            self.account = self._look(length)
        return self._job.recipe.model_copy(update={"max_seq_length": length})

    def over(self, rows: Rows, recipe: Recipe, teacher: Any, most: int | None = None) -> Objective:
        """Return the objective over rows, or over the first examples of them."""
        items, _ = rows.fit(recipe.row_length, chosen=self.account.chosen)
        return recipe.learned.over(items[:most], recipe, teacher)

    def notes(self) -> list[str]:
        """Return what people should know of the rows, in sentences."""
        split = KINDS[self._job.kind].ANSWERS and splits_first_token(self._tokenizer)
        return [self.account.words(), *([SPLIT] if split else [])]

    def _take(self, split: Split, tokenizer: Any, asked: int | None = None) -> Rows:
        records = list(read_records(Path(self._job.snapshot), split))
        if split == "train":
            planted = canaries(self._job.recipe.canaries, self._job.recipe.seed)
            records += [
                (f"{one.name}-{n}", one.record()) for one in planted for n in range(one.times)
            ]
        return take_rows(self._job.recipe.learned, records, tokenizer, asked)

    def _choose(self, positions: int) -> int:
        sizes = [*self.train.sizes, *self.validation.sizes]
        most = positions * self._job.recipe.learned.sequences
        return choose_row_length(sizes, most, splits=not KINDS[self._job.kind].ANSWERS)

    def _look(self, length: int) -> RowAccount:
        _, account = self.train.fit(length, chosen=self._job.recipe.max_seq_length is None)
        self._report({"event": "rows", "words": account.words(), **account.model_dump()})
        require_rows(account, self._job.max_left_out_share, self._job.snapshot)
        return account
