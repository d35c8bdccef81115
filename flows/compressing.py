"""`compress`: a version's weights in fewer bits, on the engine that would serve them so.

Each way to keep them is asked the eval sets that the version was judged by, on llama.cpp, and
judged by the version's own gates beside the answers that people approved. What was found is signed
and kept with the version: `paddock serve` keeps weights below eight bits only where it passed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as version_of

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.records import Frozen
from eval_sets.types import EvalSet
from flows.asking.flow_runs import run_name
from flows.asking.variant_parameters import CompressParameters
from flows.champion import Registered, candidate_behind
from flows.comparing import registered_model
from flows.evaluation import judged_by
from flows.showing.leading_on import report_places
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import publish_page
from flows.showing.turns import turn
from flows.variants.judging import in_a_line, judged, page_of, side_by_side
from flows.variants.measuring import STEP, measure
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings, serving_environment
from model_registry.candidates import candidate_of
from model_registry.policy import Policy, load_policy
from model_registry.scorecard import read_scorecard
from model_registry.variant_evidence import VariantJudged, publish_variant
from tasks.evaluation.steps import Evaluated, answers_step, scorecard_step
from tasks.exporting.weights import Quantize
from tasks.models.serving.server import Serving
from tasks.serving.specification import Engine
from tasks.storage.outputs import Reference

SLOTS, QUESTIONS = 8, 8
TURN = 64  # tokens that a chat template puts around a message, at the most
DEFAULTS = CompressParameters()


class Compressed(Frozen):
    """What was found of each way to keep a version's weights."""

    version: str
    variants: tuple[VariantJudged, ...]


@flow(name="compress", flow_run_name=run_name)
def compress(parameters: CompressParameters = DEFAULTS) -> State[Compressed]:
    """Compare each variant with its version, measure it, and keep what was found, signed."""
    workshop = Workshop(read_settings())
    made = candidate_behind(workshop, parameters.name, parameters.version, STEP)
    sets = judged_by(made, parameters.eval_sets)
    policy = load_policy(made.parameters.gate_policy)
    seed = made.parameters.seed
    registered = registered_model(workshop, made.version)
    # Verified and copied once: it is asked and measured in each way.
    with turn(workshop.settings), registered.folder() as folder:
        model = replace(registered, folder=lambda: nullcontext(folder))
        with stage("the answers that people approved") as progress:
            approved = answers_step(
                workshop.outputs,
                model,
                sets,
                seed=seed,
                serving=workshop.serving,
                progress=progress,
            ).reference
        found = [
            _judge(workshop, made, model, approved, sets, policy, weights, parameters.threads)
            for weights in parameters.ways
        ]
    called = f"{made.version.name} version {made.version.version}"
    for one in found:
        LOGGER.info("%s", in_a_line(one))
    publish_page(
        "variants",
        f"**{called}, its weights kept in other ways**\n\n{side_by_side(found)}",
        "A version's weights in fewer bits, side by side",
        places=report_places(workshop, made.name, found[0].scorecard),
        to_do='to serve one that passed: `[engine] weights = "…"` in the serving\'s file.',
    )
    passed = [one.weights for one in found if one.verdict == "passed"]
    said = f"{', '.join(passed)} may serve" if passed else "none may serve"
    message = f"{called}: of {len(found)} ways to keep weights {said}."
    LOGGER.info("%s", message)
    return Completed(message=message, data=Compressed(version=called, variants=tuple(found)))


def _judge(
    workshop: Workshop,
    made: Registered,
    model: Evaluated,
    approved: Reference,
    sets: Sequence[EvalSet],
    policy: Policy,
    weights: Quantize,
    threads: int,
) -> VariantJudged:
    outputs, seed = workshop.outputs, made.parameters.seed
    with stage(f"ask it in {weights}") as progress:
        answers = answers_step.with_options(task_run_name=f"ask {weights}")(
            outputs,
            model,
            sets,
            seed=seed,
            serving=serving_of(weights, threads, sets, workshop.settings.serve_start_seconds),
            progress=progress,
        ).reference
    variant = replace(model, digest=variant_digest(model.digest, weights))
    scorecard = scorecard_step(
        outputs,
        {"champion": approved, "candidate": answers},
        {},
        {"champion": model, "candidate": variant},
        sets,
        {},
        {},
        seed=seed,
    ).reference
    verdict, left_out = judged(policy, read_scorecard(outputs.fetch(scorecard) / "scorecard.json"))
    engine = Engine(weights=weights, slots=4, threads=threads)
    questions = [case.messages[-1].content for one in sets for case in one.cases][:QUESTIONS]
    log = workshop.settings.home / "logs" / f"compress-{weights}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with stage(f"measure {weights}"), model.folder() as folder:
        taken = measure(folder, weights, questions, engine, log)
    candidate = candidate_of(made.version)
    found = VariantJudged(
        candidate=candidate.name,
        version=candidate.version,
        digest=candidate.digest,
        weights=weights,
        verdict=verdict.state,
        policy=policy.name,
        policy_digest=policy.digest,
        scorecard=scorecard.digest,
        judged=datetime.now(UTC),
        **taken._asdict(),
    )
    page = page_of(found, verdict, left_out)
    publish_page(f"variant-{weights.replace('_', '-')}", page, f"{made.name} in {weights}")
    publish_variant(workshop.registry, candidate, found, page, workshop.keys)
    return found


def serving_of(
    weights: Quantize, threads: int, sets: Sequence[EvalSet], start_seconds: float
) -> Serving:
    """Return how a model's folder is served with its weights kept so, to be asked these sets.

    Memory is set aside for the longest of their cases with its answer, and not for all that the
    model could read: there are no more tokens than bytes.
    """
    longest = max(
        case.max_new_tokens + sum(len(said.content.encode()) + TURN for said in case.messages)
        for one in sets
        for case in one.cases
    )
    options = {"weights": weights, "slots": SLOTS, "threads": threads, "context": longest + TURN}
    words = [sys.executable, "-m", "flows.variants.engine", "{model}"]
    words += ["--port", "{port}", "--name", "{name}"]
    words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    called = ("llama.cpp", version_of("xllamacpp"), weights, f"{SLOTS} slots")
    return Serving(tuple(words), start_seconds, serving_environment(), "llama.cpp", called)


def variant_digest(model: str, weights: str) -> str:
    """Return what a scorecard calls a variant."""
    return hashlib.sha256(f"{model} in {weights}".encode()).hexdigest()
