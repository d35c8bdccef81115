"""`finetune`: a snapshot that stands in the store in, a trained model out; nothing is registered.

For trying hyperparameters. The stages are those of `retrain`, so a model that is tried here is
found there when the same is asked, and the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.snapshot.reading import REPORT, read_report
from flows.asking.command_words import command_words
from flows.asking.flow_runs import run_name
from flows.asking.parameters import FinetuneParameters, TrainingParameters
from flows.asking.training import (
    TrainingInputs,
    chosen_snapshot,
    require_nobody_forgotten,
    training_inputs,
)
from flows.showing import publishing
from flows.showing.leading_on import training_places
from flows.showing.live import LiveTraining
from flows.showing.progress import LOGGER, stage
from flows.showing.trial import FinetuneSummary, outcome, page
from flows.showing.turns import turn
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from tasks.finetuning.hyperparameters import SpendingLimits
from tasks.finetuning.objectives.distillation import require_same_vocabulary
from tasks.finetuning.recipe import Spending
from tasks.finetuning.reproduce import Origin, read_spent
from tasks.finetuning.rows import require_share
from tasks.finetuning.steps import base_step, finetune_step
from tasks.storage.outputs import ABOUT, Built, Reference
from tasks.storage.stages import SNAPSHOT
from tasks.teaching.steps import teaching_step

DEFAULTS = FinetuneParameters()
Note = Callable[[str, Built], Reference]


@flow(name="finetune", flow_run_name=run_name, description=__doc__)
def finetune(parameters: FinetuneParameters = DEFAULTS) -> State[FinetuneSummary]:
    """Train on a snapshot that stands in the store, and say what came of it."""
    workshop = Workshop(read_settings())
    snapshot = chosen_snapshot(workshop, parameters.snapshot)
    # What is written down must find the same snapshot when another is the newest.
    parameters = parameters.model_copy(update={"snapshot": snapshot.digest})
    kind = read_report(workshop.outputs.fetch(snapshot, REPORT)).kind
    inputs = training_inputs(workshop, parameters, kind, workshop.redactor_of(snapshot))
    require_nobody_forgotten(workshop, snapshot)
    if workshop.outputs.is_of_older_form(snapshot, SNAPSHOT):
        LOGGER.info(
            "snapshot %s is of an older form: it is trained on as it is, `paddock ingest` makes it "
            "anew",
            snapshot.digest[:16],
        )
    reused: dict[str, bool] = {}

    def note(title: str, built: Built) -> Reference:
        reused[title] = built.reused
        if built.reused:
            LOGGER.info("  %s: finished before, skipped", title)
        return built.reference

    training = Finetuning(workshop, "finetune", parameters, inputs, note, ("1/2 ", "2/2 "))
    with turn(workshop.settings):
        model = training.model(training.models(), snapshot)
    summary = _summary(workshop, parameters, model, reused["fine-tune"])
    trained = workshop.outputs.manifest(model).fingerprint
    publishing.publish_page(
        "summary",
        page(summary),
        "What this run did, and what comes next",
        places=training_places(workshop, parameters.name, trained),
        to_do="set it beside the others; `paddock run` with the same settings makes a candidate.",
    )
    return Completed(message=outcome(summary), data=summary)


class Models(NamedTuple):
    """The models that a training needs, in the store; `start` is whose weights it begins at."""

    base: Reference
    start: Reference | None
    teacher: Reference | None


@dataclass(frozen=True)
class Finetuning:
    """The stages from a base and a snapshot to a trained model; two flows share them.

    `command` is what a person types to ask the same, `numbers` stand before the stages' titles.
    """

    workshop: Workshop
    command: str
    parameters: TrainingParameters
    inputs: TrainingInputs
    note: Note
    numbers: tuple[str, str]
    minutes_left: float | None = (
        None  # of the week's budget; decides no weight, and is no parameter
    )

    def models(self) -> Models:
        """Bring the models in; a teacher whose logits mean something else stops the run."""
        outputs, inputs, number = self.workshop.outputs, self.inputs, self.numbers[0]
        with stage(f"{number}base model"):
            base = self.note("base model", base_step(outputs, inputs.base))
        start = None
        if inputs.start:
            with stage(f"{number}the model to begin at"):
                start = self.note("start", base_step(outputs, inputs.start))
        if inputs.teacher is None:
            return Models(base, start, None)
        with stage(f"{number}teacher"):
            teacher = self.note("teacher", base_step(outputs, inputs.teacher))
            if inputs.recipe.learns_logits:
                require_same_vocabulary(outputs.fetch(teacher), outputs.fetch(start or base))
        return Models(base, start, teacher)

    def model(self, models: Models, snapshot: Reference) -> Reference:
        """Train, or find the model, and show its training in Prefect and MLflow."""
        base, start, teacher = models
        outputs, parameters = self.workshop.outputs, self.parameters
        answers = self._answers(teacher, snapshot)
        live = LiveTraining()
        with stage(f"{self.numbers[1]}fine-tune") as progress:
            built = finetune_step(
                outputs,
                self.workshop.registry,
                experiment=parameters.name,
                base=base,
                base_name=self.inputs.base.name,
                start=start,
                start_name=self.inputs.start.name if self.inputs.start else "",
                snapshot=snapshot,
                kind=self.inputs.kind,
                recipe=self.inputs.recipe,
                teacher=teacher,
                answers=answers,
                save_steps=parameters.save_steps,
                max_left_out_share=parameters.max_left_out_share,
                rendezvous=self.workshop.settings.rendezvous,
                spending=_spending(parameters, self.minutes_left),
                origin=Origin(
                    command=command_words(self.command, parameters),
                    parameters=parameters.model_dump(mode="json"),
                ),
                progress=progress,
                show=live,
            )
        model = self.note("fine-tune", built)
        folder = outputs.fetch(model)
        require_share(folder, parameters.max_left_out_share)
        publishing.publish_training(folder, live)
        return model

    def _answers(self, teacher: Reference | None, snapshot: Reference) -> Reference | None:
        if teacher is None or not self.inputs.wants_answers:
            return None
        with stage(f"{self.numbers[1]}let the teacher answer") as progress:
            built = teaching_step(
                self.workshop.outputs,
                teacher,
                snapshot,
                max_new_tokens=self.inputs.longest_answer,
                redactor=self.inputs.redactor,
                serving=self.workshop.serving,
                progress=progress,
            )
        return self.note("teacher answers", built)


def _spending(parameters: TrainingParameters, minutes_left: float | None) -> Spending:
    limits = {name: getattr(parameters, name) for name in SpendingLimits.model_fields}
    minutes = [one for one in (parameters.max_minutes, minutes_left) if one is not None]
    limits["max_minutes"] = min(minutes, default=None)
    return Spending(**limits, gpus=parameters.gpus * parameters.nodes)


def _summary(
    workshop: Workshop, parameters: FinetuneParameters, model: Reference, reused: bool
) -> FinetuneSummary:
    folder = workshop.outputs.fetch(model)
    training = json.loads((folder / "training.json").read_text())
    spent = read_spent(folder / ABOUT)
    return FinetuneSummary(
        name=parameters.name,
        snapshot=parameters.snapshot,
        model=model.digest,
        place=f"{workshop.store.uri}/{model.key}",
        reused=reused,
        steps=training["steps"],
        first_loss=training["first_loss"],
        final_loss=training["final_loss"],
        validation_loss=training["validation_loss"],
        notes=tuple(training.get("notes", ())),
        rows_left_out=training["rows_left_out"],
        seconds=spent.seconds,
        cost=spent.cost,
        command=command_words("finetune", parameters),
    )
