"""`evaluate`: ask the champion again, every night, and see whether it still holds up.

Verifies the champion's signature and bytes, lets it answer the eval sets that it was judged by, as
they are today (a new version of a set is a new question), and scores it beside the base model.
"""

from __future__ import annotations

from prefect import flow
from pydantic import BaseModel

from data_contracts.errors import ContractError
from eval_sets.types import EvalSet
from flows.asking.inputs import choose_eval_sets
from flows.asking.parameters import EvaluateParameters
from flows.champion import Champion, find_champion
from flows.comparing import compare_models, registered_model, stored_model
from flows.showing.progress import LOGGER, stage
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.scorecard import Role
from tasks.evaluation.steps import Evaluated
from tasks.storage.outputs import Built, Reference
from tasks.storage.stages import BASE

DEFAULTS = EvaluateParameters()


class Evaluation(BaseModel):
    """The champion that was evaluated and where its scorecard stands."""

    champion: int
    scorecard: str
    reused: bool


@flow(name="evaluate")
def evaluate(parameters: EvaluateParameters = DEFAULTS) -> Evaluation:
    """Evaluate the champion on today's eval sets."""
    workshop = Workshop(read_settings())
    champion = find_champion(workshop, parameters.name, "evaluate")
    with stage("verify the champion"), workshop.verified_files(champion.version):
        pass
    base, snapshot = champion.ancestor(BASE, "base"), champion.snapshot
    asked: dict[Role, Evaluated] = {
        "base": stored_model(workshop, base),
        "champion": registered_model(workshop, champion.version),
    }
    sets = sets_to_ask(champion, parameters.eval_sets)
    reused: dict[str, bool] = {}

    def note(title: str, built: Built) -> Reference:
        reused[title] = built.reused
        return built.reference

    scorecard = compare_models(
        workshop, parameters.name, asked, snapshot, sets, parameters.seed, note
    )
    folder = workshop.outputs.fetch(scorecard)
    LOGGER.info("%s", (folder / "scorecard.md").read_text(encoding="utf-8"))
    return Evaluation(
        champion=champion.version.version, scorecard=scorecard.key, reused=reused["scorecard"]
    )


def sets_to_ask(champion: Champion, named: str) -> list[EvalSet]:
    """Return the eval sets that are named, else those that the champion was judged by.

    ContractError if no record of the run that made the champion can be read.
    """
    if named.strip(" ,"):
        return choose_eval_sets(named, demo=True)
    try:
        judged = champion.parameters
    except ContractError as error:
        remedy = "name the eval sets with --eval-sets"
        raise ContractError(
            error.what, step="evaluate", where=error.where, remedy=remedy
        ) from error
    return choose_eval_sets(judged.eval_sets, demo=judged.is_demo)
