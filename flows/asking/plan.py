"""What a retraining would do: sources, stages found and stages to run, and how long they take.

Planning reads and hashes the sources and the base model, but trains and writes nothing but the
demo's own rows.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from eval_sets.types import EvalSet
from flows.asking.given import choose_eval_sets
from flows.asking.inputs import (
    IngestInputs,
    ingest_inputs,
    ingest_job,
    look_at,
    resolve_source,
)
from flows.asking.parameters import RetrainParameters
from flows.asking.training import TrainingInputs, training_inputs
from flows.workshop.parts import Workshop
from tasks.finetuning.base_model import BaseModel as Base
from tasks.ingestion.sources import Source
from tasks.storage.outputs import Outputs, Reference
from tasks.teaching.steps import teaching_work


class Inputs(TrainingInputs):
    """A retraining's parameters, resolved."""

    ingest: IngestInputs
    policy: str
    sets: tuple[EvalSet, ...]  # that models are asked


def resolve_inputs(workshop: Workshop, parameters: RetrainParameters) -> Inputs:
    """Resolve every name a person gave; InputError names the first that leads nowhere."""
    from model_registry.policy import load_policy

    policy = parameters.gate_policy
    load_policy(policy)
    if parameters.judge:
        from tasks.evaluation.judging.rubric import load_rubric

        load_rubric(Path(parameters.judge))
        _ = workshop.judge  # without an address it is refused before anything costs
    workshop.require_registry(parameters.name)
    _ = workshop.serving  # a command that can serve nothing is refused before the work, not in it
    ingest = ingest_inputs(workshop, parameters)
    training = training_inputs(workshop, parameters, ingest.contract.kind, ingest.redactor)
    return Inputs(
        **dict(training),
        ingest=ingest,
        policy=policy,
        sets=tuple(choose_eval_sets(parameters.eval_sets, parameters.scopes)),
    )


class PlannedStage(BaseModel):
    """A stage of the plan; `found` means its output stands in the store already."""

    title: str
    found: bool
    seconds: float


class Plan(BaseModel):
    """What `--dry-run` prints. Times are estimates for this machine's processors."""

    sources: list[str]
    rows: int | None
    stages: list[PlannedStage]
    notes: list[str] = []

    @property
    def seconds(self) -> float:
        """Return the estimated time of the stages that are to run."""
        return sum(entry.seconds for entry in self.stages if not entry.found)


CPU_TOKENS_PER_SECOND, GPU_TOKENS_PER_SECOND = 400, 20_000  # training, 135 million parameters
ANSWER_SECONDS, ROW_SECONDS, FIXED_SECONDS = 0.25, 0.006, 15.0
CHARACTERS_PER_TOKEN, TOKENS_A_ROW_BESIDE_TEXT = 4.0, 22


def plan_retraining(workshop: Workshop, parameters: RetrainParameters, inputs: Inputs) -> Plan:
    """Look which outputs stand in the store, and estimate the others from sizes."""
    source = resolve_source(workshop, inputs.ingest)
    rows, characters = _measure(source, parameters.max_rows)
    tokens = characters / CHARACTERS_PER_TOKEN + rows * TOKENS_A_ROW_BESIDE_TEXT
    tokens *= parameters.num_train_epochs
    if parameters.max_steps:
        slots = inputs.recipe.row_length * parameters.per_device_train_batch_size
        slots *= parameters.gradient_accumulation_steps
        tokens = min(tokens, parameters.max_steps * slots)
    cases = sum(len(entry.cases) for entry in inputs.sets)
    found = find_outputs(workshop, parameters, inputs, source)
    notes = [] if found["snapshot"] else _look(workshop, inputs.ingest, source)
    times = {
        "base": FIXED_SECONDS,
        "snapshot": FIXED_SECONDS + rows * ROW_SECONDS,
        "start": FIXED_SECONDS,
        "teacher": FIXED_SECONDS,
        "teacher answers": FIXED_SECONDS + rows * ANSWER_SECONDS,
        "model": FIXED_SECONDS + tokens / _tokens_per_second(),
        "answers and scores": FIXED_SECONDS + 2 * cases * ANSWER_SECONDS,
    }
    stages = [
        PlannedStage(title=title, found=output is not None, seconds=times[title])
        for title, output in found.items()
    ]
    names = [f"{file.uri} ({file.role})" if file.role else file.uri for file in source.files] or [
        f"{one.part_name} ({one.role})" if one.role else one.part_name for one in source.hub
    ]
    notes = [*source.notes, *notes]
    return Plan(sources=names, rows=rows if source.files else None, stages=stages, notes=notes)


def find_outputs(
    workshop: Workshop, parameters: RetrainParameters, inputs: Inputs, source: Source
) -> dict[str, Reference | None]:
    """Return the output of each stage that a retraining would find in the store, or None."""
    from tasks.evaluation import steps as evaluation
    from tasks.finetuning import steps as finetuning
    from tasks.ingestion.releases import released_rows
    from tasks.ingestion.steps import find_snapshot

    outputs = workshop.outputs
    base = _found_base(outputs, inputs.base)
    start = _found_base(outputs, inputs.start) if inputs.start else None
    teacher = _found_base(outputs, inputs.teacher) if inputs.teacher else None
    job, released = ingest_job(workshop, inputs.ingest), released_rows(workshop.store)
    made = find_snapshot(job, source, inputs.ingest.max_rows, released)
    snapshot = made.reference if made else None
    model = answers = None
    if teacher and snapshot and inputs.wants_answers:
        budget, redactor = inputs.longest_answer, inputs.redactor
        asked_of = teaching_work(teacher, snapshot, budget, redactor, workshop.serving)
        answers = outputs.find(asked_of)
    brought = bool(teacher) == bool(inputs.teacher) and bool(start) == bool(inputs.start)
    ready = brought and bool(answers) == inputs.wants_answers
    if base and snapshot and ready:
        training = finetuning.training_work(base, snapshot, inputs.recipe, teacher, answers, start)
        model = outputs.find(training)
    asked = None
    if model:
        seed, serving = parameters.seed, workshop.serving
        asked = outputs.find(evaluation.answers_work(model.digest, inputs.sets, seed, serving))
    taught = {"start": start} if inputs.start else {}
    taught |= {"teacher": teacher} if inputs.teacher else {}
    taught |= {"teacher answers": answers} if inputs.wants_answers else {}
    return {
        "base": base,
        "snapshot": snapshot,
        **taught,
        "model": model,
        "answers and scores": asked,
    }


def _look(workshop: Workshop, inputs: IngestInputs, source: Source) -> list[str]:
    """Return what a person should know of the first rows; an error as the run would raise it."""
    from tasks.ingestion.early_look import require_enough
    from tasks.ingestion.steps import older_snapshot

    older = older_snapshot(workshop.outputs, source)
    with TemporaryDirectory(prefix="paddock-") as scratch:
        job = ingest_job(workshop, inputs)
        found = look_at(inputs, job, source, Path(scratch))
    require_enough(found, job.contract, source.given)
    words = found.words()
    return [older, *words] if older else words


def _found_base(outputs: Outputs, base: Base) -> Reference | None:
    from tasks.finetuning.steps import base_work

    return outputs.find(base_work(base))


def _measure(source: Source, max_rows: int | None) -> tuple[int, float]:
    """Count a source's rows and characters without keeping any."""
    from tasks.ingestion.readers import count_rows

    if source.hub:
        return 0, 0.0
    with TemporaryDirectory(prefix="paddock-") as scratch:
        every = count_rows(source, Path(scratch))
    rows = min(every, max_rows or every)
    size = sum(file.size for file in source.files)
    packed = any(file.name.endswith((".gz", ".zst", ".parquet")) for file in source.files)
    # Packed text grows; in plain files keys and quotes are not text.
    return rows, size * (3.0 if packed else 0.75) * rows / max(1, every)


def _tokens_per_second() -> float:
    import torch

    return GPU_TOKENS_PER_SECOND if torch.cuda.is_available() else CPU_TOKENS_PER_SECOND
