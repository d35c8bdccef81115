"""What a person gave for training, as a recipe; combinations that cannot be are refused here.

Before any work: a wrong word found after an hour of ingestion is an hour lost.
"""

from __future__ import annotations

from data_contracts.errors import InputError
from data_contracts.records import RecordKind
from flows.parameters import RetrainParameters
from tasks.finetuning.recipe import Recipe


def training_recipe(parameters: RetrainParameters, kind: RecordKind) -> Recipe:
    """Return the recipe; InputError names the setting that does not go with the others."""
    _check_objective(parameters, kind)
    given = set(RetrainParameters.model_fields) & set(Recipe.model_fields)
    return Recipe.model_validate({name: getattr(parameters, name) for name in given})


def _check_objective(parameters: RetrainParameters, kind: RecordKind) -> None:
    if parameters.objective == "dpo" and kind != "preference":
        raise _refused(
            f"the objective dpo compares two answers, and a row of kind {kind} has one",
            "objective: dpo",
            "set kind: preference, or objective: supervised",
        )


def _refused(what: str, where: str, remedy: str) -> InputError:
    return InputError(what, step="finetune", where=where, remedy=remedy)
