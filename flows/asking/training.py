"""What a person gave for training, as a recipe; combinations that cannot be are refused here.

Before any work: a wrong word found after an hour of ingestion is an hour lost.
"""

from __future__ import annotations

from data_contracts.kinds.registry import RecordKind
from flows.asking.parameters import RetrainParameters
from tasks.finetuning.recipe import Recipe


def training_recipe(parameters: RetrainParameters, kind: RecordKind) -> Recipe:
    """Return the recipe; InputError names the setting that does not go with the others."""
    parameters.learned.require(kind, parameters, parameters.teacher)
    given = set(RetrainParameters.model_fields) & set(Recipe.model_fields)
    return Recipe.model_validate({name: getattr(parameters, name) for name in given})
