"""Builds the objective that a recipe asks for from a snapshot's records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from data_contracts.records import Record
from tasks.finetuning.objectives.objective import Objective
from tasks.finetuning.objectives.preference import Preference, encode_pairs
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import encode


def objective_of(
    recipe: Recipe,
    records: Iterable[tuple[str, Record]],
    tokenizer: Any,
    most: int | None = None,
) -> Objective:
    """Return the recipe's objective over the records, or over their first `most` examples."""
    limit = recipe.max_seq_length
    if recipe.objective == "dpo":
        return Preference(encode_pairs(records, tokenizer, limit)[:most], recipe.dpo_beta)
    return Supervised(encode(records, tokenizer, limit)[:most])
