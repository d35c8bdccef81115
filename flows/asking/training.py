"""What a person gave for training, as a recipe; combinations that cannot be are refused here.

Before any work: a wrong word found after an hour of ingestion is an hour lost.
"""

from __future__ import annotations

from data_contracts.errors import InputError
from data_contracts.records import RecordKind
from flows.asking.parameters import RetrainParameters
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

    if parameters.objective == "distill" and not parameters.teacher:
        raise _refused(
            "the objective distill learns from a teacher, and none is named",
            "teacher",
            "name a teacher as you would a base, or set objective: supervised",
        )
    if parameters.teacher and parameters.objective != "distill":
        raise _refused(
            f"the objective {parameters.objective} has no use for a teacher",
            "teacher",
            "set objective: distill, or leave teacher out",
        )
    if parameters.objective == "distill" and parameters.distill_from == "answers":
        _check_answers(kind)


def _check_answers(kind: RecordKind) -> None:
    if kind == "document":
        raise _refused(
            "a document asks nothing that a teacher could answer",
            "distill_from: answers",
            "set distill_from: logits, or give rows of another kind",
        )


def _refused(what: str, where: str, remedy: str) -> InputError:
    return InputError(what, step="finetune", where=where, remedy=remedy)
