"""Builds the objective that a recipe asks for from a snapshot's records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from data_contracts.records import Record
from tasks.finetuning.objectives.distillation import Distillation, Softening
from tasks.finetuning.objectives.objective import Objective
from tasks.finetuning.objectives.preference import Preference, encode_pairs
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import encode


def objective_of(
    recipe: Recipe,
    records: Iterable[tuple[str, Record]],
    tokenizer: Any,
    teacher: Any = None,
    most: int | None = None,
) -> Objective:
    """Return the recipe's objective over the records, or over their first `most` examples.

    `teacher` is the model whose logits are learned, where the recipe wants that.
    """
    limit = recipe.max_seq_length
    if recipe.objective == "dpo":
        return Preference(encode_pairs(records, tokenizer, limit)[:most], recipe.dpo_beta)
    examples = encode(records, tokenizer, limit)[:most]
    if recipe.learns_logits:
        softening = Softening(recipe.distill_temperature, recipe.distill_alpha)
        return Distillation(examples, teacher, softening)
    return Supervised(examples)
