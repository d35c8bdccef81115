"""`evaluate`: ask a model the eval sets, and score it beside its base; nothing is registered.

Without a name it is the champion, every night: its signature and bytes are verified, and it
answers the eval sets that it was judged by, as they are today (a new version of a set is a new
question). An adapter over its base can be asked beside them, unmerged. With a name it is any model:
it stands as the candidate of a scorecard, beside the base it is compared with, in answers alone,
since there are no held-out records of it. Where a judge is set, it looks at a random sample of what
the champion was asked of late (judging_served.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from data_contracts.errors import ContractError, InputError
from eval_sets.types import EvalSet
from flows.asking.adapters import find_adapter
from flows.asking.flow_runs import is_scheduled, run_name
from flows.asking.given import choose_eval_sets
from flows.asking.parameters import BaseParameters, EvaluateParameters
from flows.asking.training import find_model
from flows.champion import Champion, Registered, find_champion, nothing_serves
from flows.comparing import compare_models, registered_model, stored_model
from flows.judging_served import judge_served
from flows.showing.evaluated import evaluation_page, render
from flows.showing.leading_on import report_places, served_places
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import publish_page
from flows.showing.turns import turn
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from flows.workshop.settings import read_settings
from model_registry.scorecard import Role, read_scorecard
from tasks.evaluation.steps import Evaluated
from tasks.finetuning.steps import base_step
from tasks.storage.outputs import Built, Reference
from tasks.storage.stages import BASE

STEP = "evaluate"
DEFAULTS = EvaluateParameters()
EMBEDDED_BASE = str(BaseParameters.model_fields["base"].default)
ASKED_FOR: tuple[Role, ...] = ("champion", "candidate", "base")  # whose evaluation it is


class Evaluation(BaseModel):
    """The model that was evaluated and where its scorecard stands; `champion` is a version.

    `served` is what a judge said of what the champion was asked of late, in words.
    """

    model: str
    champion: int | None
    scorecard: str
    reused: bool
    served: str = ""


@dataclass(frozen=True)
class Question:
    """Whom to ask what: the models by their roles, how they are called, and the eval sets.

    Without a snapshot no record is scored that they did not see in training.
    """

    called: dict[Role, str]
    models: dict[Role, Evaluated]
    sets: list[EvalSet]
    snapshot: Reference | None = None
    champion: Champion | None = None


@flow(name="evaluate", flow_run_name=run_name)
def evaluate(parameters: EvaluateParameters = DEFAULTS) -> State[Evaluation | None]:
    """Evaluate the champion, or the model that is named, on today's eval sets.

    On a schedule there may be no champion yet, which is then no error.
    """
    workshop = Workshop(read_settings())
    if not parameters.model and is_scheduled() and nothing_serves(workshop, parameters.name, STEP):
        nothing = f"Nothing to evaluate: {parameters.name} has no champion yet."
        LOGGER.info("%s", nothing)
        return Completed(message=nothing, data=None)
    asked = (_of_a_model if parameters.model else _of_the_champion)(workshop, parameters)
    redactor = _redactor(workshop, asked.snapshot)
    reused: dict[str, bool] = {}

    def note(title: str, built: Built) -> Reference:
        reused[title] = built.reused
        return built.reference

    with turn(workshop.settings):
        compared = compare_models(
            workshop,
            parameters.name,
            asked.models,
            asked.snapshot,
            asked.sets,
            parameters.seed,
            note,
            redactor=redactor,
        )
    scorecard = compared.scorecard
    folder = workshop.outputs.fetch(scorecard)
    found = read_scorecard(folder / "scorecard.json")
    told = render(found, asked.called, compared.waits)
    LOGGER.info("%s\n\nFiles  %s/%s", told, workshop.store.uri, scorecard.key)
    served = ""
    if asked.champion:
        served = judge_served(workshop, asked.champion, parameters, redactor, datetime.now(UTC))
        LOGGER.info("%s", served)
    publish_page(
        "evaluation",
        evaluation_page(found, asked.called, compared.waits, served),
        "What the models score today",
        places=(
            *report_places(workshop, parameters.name, scorecard.digest),
            *served_places(workshop, parameters.name),
        ),
        to_do=f"where what serves is worse than it was: `paddock run --name {parameters.name}` "
        f"trains again, `paddock rollback --name {parameters.name} --reason WHY` goes back."
        if asked.champion
        else "to train from it: `paddock run --base`, with the same words.",
    )
    done = Evaluation(
        model=next(asked.called[role] for role in ASKED_FOR if role in asked.called),
        champion=asked.champion.version.version if asked.champion else None,
        scorecard=scorecard.key,
        reused=reused["scorecard"],
        served=served,
    )
    how = "was evaluated already" if done.reused else "was evaluated"
    return Completed(message=f"{done.model} {how} on {len(asked.sets)} eval sets.", data=done)


def _redactor(workshop: Workshop, snapshot: Reference | None) -> RedactorRecipe:
    """Return what goes over quoted answers; InputError, before a model is asked, without one."""
    if snapshot:
        return workshop.redactor_of(snapshot)
    redactor = workshop.redactor(names=True, keep=())
    redactor.identity()
    return redactor


def _of_the_champion(workshop: Workshop, parameters: EvaluateParameters) -> Question:
    if parameters.base:
        raise InputError(
            "a base is given for the champion, which has its own",
            step=STEP,
            where=f"base {parameters.base}",
            remedy="give --model, too, or leave --base out",
        )
    champion = find_champion(workshop, parameters.name, STEP)
    with stage("verify the champion"), workshop.verified_files(champion.version):
        pass
    base = champion.ancestor(BASE, "base")
    models: dict[Role, Evaluated] = {
        "base": stored_model(workshop, base),
        "champion": registered_model(workshop, champion.version),
    }
    called: dict[Role, str] = {
        "base": f"the champion's base, {base.digest[:16]}",
        "champion": f"{champion.version.name} version {champion.version.version}",
    }
    if parameters.adapter:
        found = find_adapter(workshop, parameters.adapter, base)
        models["candidate"] = replace(models["base"], adapter=found.adapter, remarks=found.remarks)
        called["candidate"] = f"{parameters.adapter}, over the base"
    return Question(
        called=called,
        models=models,
        sets=judged_by(champion, parameters.eval_sets),
        snapshot=champion.snapshot,
        champion=champion,
    )


def _of_a_model(workshop: Workshop, parameters: EvaluateParameters) -> Question:
    """Bring in the model that was named and its base; a base that is asked alone has no other."""
    if parameters.adapter:
        raise InputError(
            "an adapter is asked over the champion's base, and not beside a model that is named",
            step=STEP,
            where=f"adapter {parameters.adapter}, model {parameters.model}",
            remedy="leave one of them out, or merge the adapter and give the merged model",
        )
    sets = choose_eval_sets(parameters.eval_sets)  # before anything is fetched
    called: dict[Role, str] = {"base": parameters.base or EMBEDDED_BASE}
    wanted: dict[Role, str] = {**called, "candidate": parameters.model}
    located = {role: find_model(workshop, name) for role, name in wanted.items()}
    if located["candidate"].digest == located["base"].digest:
        LOGGER.info("the model is the base that it is compared with: it is asked alone")
        del wanted["candidate"]
    models: dict[Role, Evaluated] = {}
    for role, name in wanted.items():
        with stage(f"bring in {name}"):
            built = base_step(workshop.outputs, located[role])
        models[role] = stored_model(workshop, built.reference)
    return Question(called=wanted, models=models, sets=sets)


def judged_by(made: Registered, named: Sequence[str]) -> list[EvalSet]:
    """Return the eval sets that are named, else those that a version was judged by.

    ContractError if no record of the run that made it can be read.
    """
    if named:
        return choose_eval_sets(named)
    try:
        judged = made.parameters
    except ContractError as error:
        remedy = "name the eval sets with --eval-sets"
        raise ContractError(error.what, step=STEP, where=error.where, remedy=remedy) from error
    return choose_eval_sets(judged.eval_sets, judged.scopes)
