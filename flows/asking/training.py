"""What a person gave for training, as a recipe; combinations that cannot be are refused here.

Before any work: a wrong word found after an hour of ingestion is an hour lost.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data_contracts.errors import ContractError, InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.snapshot.reading import read_rows
from flows.asking.naming import CHAMPION
from flows.asking.parameters import NEWEST, TrainingParameters
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from model_registry.standing import read_champion
from tasks.finetuning.base_checks import check_template
from tasks.finetuning.base_model import BaseModel as Base
from tasks.finetuning.base_model import locate
from tasks.finetuning.objectives.distillation import DistillationSettings
from tasks.finetuning.recipe import Recipe
from tasks.ingestion.subjects import forgotten_subjects
from tasks.storage.outputs import Reference
from tasks.storage.stages import SNAPSHOT


def training_recipe(parameters: TrainingParameters, kind: RecordKind) -> Recipe:
    """Return the recipe; InputError names the setting that does not go with the others."""
    parameters.learned.require(kind, parameters, parameters.teacher)
    # Each of the recipe's fields, so that one the form lacks is an error and no silent default.
    return Recipe.model_validate({name: getattr(parameters, name) for name in Recipe.model_fields})


class TrainingInputs(BaseModel):
    """What a training was asked for, resolved: every name has become something that exists.

    `start` is the model whose weights the training begins at, where that is not the base. `kind`
    is what a row is; a teacher's answers go through the `redactor` of the rows.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    base: Base
    start: Base | None
    teacher: Base | None
    recipe: Recipe
    kind: RecordKind
    redactor: RedactorRecipe

    @property
    def wants_answers(self) -> bool:
        """Tell whether the teacher's answers are to be trained on."""
        return self.recipe.learned.teacher_use(self.recipe) == "answers"

    @property
    def longest_answer(self) -> int:
        """Return the most tokens of a teacher's answer."""
        return DistillationSettings.of(self.recipe).distill_max_new_tokens


def training_inputs(
    workshop: Workshop, parameters: TrainingParameters, kind: RecordKind, redactor: RedactorRecipe
) -> TrainingInputs:
    """Resolve what to train and how; InputError names what leads nowhere or does not go."""
    recipe = training_recipe(parameters, kind)
    if recipe.canaries and (kind != ChatRecord.KIND or recipe.objective != "supervised"):
        raise InputError(
            "canaries are planted among chat rows that are learned with objective supervised",
            step="finetune",
            where=f"canaries {recipe.canaries}, kind {kind}, objective {recipe.objective}",
            remedy="leave --canaries at 0 here",
        )
    base = find_model(workshop, parameters.base)
    start = _start(workshop, parameters)
    for model in (base, start):
        if model and KINDS[kind].ANSWERS and Path(model.source).is_dir():
            check_template(Path(model.source))
    teacher = find_model(workshop, parameters.teacher) if parameters.teacher else None
    return TrainingInputs(
        base=base, start=start, teacher=teacher, recipe=recipe, kind=kind, redactor=redactor
    )


def _start(workshop: Workshop, parameters: TrainingParameters) -> Base | None:
    """Return the model a training begins at, named by its version where it is the champion."""
    if parameters.start != CHAMPION:
        return find_model(workshop, parameters.start) if parameters.start else None
    version = read_champion(workshop.registry, parameters.name, "finetune")
    if version is None:
        raise InputError(
            "no champion serves whose weights the training could begin at",
            step="finetune",
            where=f"start {CHAMPION}, model {parameters.name}",
            remedy="leave start empty to begin at the base, or name a model",
        )
    return find_model(workshop, f"models:/{version.name}/{version.version}")


def chosen_snapshot(workshop: Workshop, given: str) -> Reference:
    """Return the snapshot whose digest begins so, or the newest; InputError if it is not one."""
    every = sorted(workshop.outputs.every(SNAPSHOT), key=lambda one: one[1].created_at)
    beginning = "" if given == NEWEST else given
    fitting = [reference for reference, _ in every if reference.digest.startswith(beginning)]
    digests = {reference.digest for reference in fitting}
    if not fitting or (beginning and len(digests) > 1):
        what = "there is no such snapshot" if every else "there is no snapshot yet"
        raise InputError(
            f"{len(digests)} snapshots have digests that begin so" if fitting else what,
            step="finetune",
            where=f"snapshot {given}, in {workshop.store.uri}",
            remedy="`paddock ingest` makes one, or finds it again, and prints its digest",
        )
    return fitting[-1]


def require_nobody_forgotten(workshop: Workshop, snapshot: Reference) -> None:
    """Raise ContractError where a snapshot holds rows of a person who is to be forgotten."""
    forgotten = forgotten_subjects(workshop.store)
    if not forgotten:
        return
    with workshop.outputs.borrow(snapshot) as folder:
        held = sum(row.get("subject") in forgotten for row in read_rows(folder))
    if held:
        raise ContractError(
            f"{held} rows of the snapshot are of people whose rows may not be used any more",
            step="finetune",
            where=f"snapshot {snapshot.digest[:16]}",
            remedy="run `paddock ingest` again: its snapshot is made without them",
        )


def find_model(workshop: Workshop, name: str) -> Base:
    """Find a model by any name one may have; InputError if it leads nowhere."""
    return locate(
        name,
        workshop.registered_model,
        workshop.settings.s3_endpoint_url or None,
        workshop.settings.home / "work" / "bases",
    )
