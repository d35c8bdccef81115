"""`evaluate`: ask the champion again, every night, and see whether it still holds up.

Verifies the champion's signature and bytes, lets it answer the eval sets as they are today (a new
version of a set is a new question), and scores it beside the base model.
"""

from __future__ import annotations

from prefect import flow
from pydantic import BaseModel

from data_contracts.errors import ContractError
from flows.asking.inputs import choose_eval_sets
from flows.asking.parameters import EvaluateParameters
from flows.champion import find_champion
from flows.comparing import compare_models, registered_model, stored_model
from flows.showing.progress import LOGGER, stage
from flows.showing.summary import read_summaries
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.candidates import candidate_of
from model_registry.scorecard import Role
from tasks.evaluation.steps import Evaluated
from tasks.storage.outputs import Built, Reference
from tasks.storage.stages import BASE, SNAPSHOT, Stage

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
    champion = find_champion(workshop, parameters.name, "evaluate").version
    references = candidate_of(champion).references
    with stage("verify the champion"), workshop.verified_files(champion):
        pass
    base = _ancestor(workshop, BASE, references["base"])
    snapshot = _ancestor(workshop, SNAPSHOT, references["dataset"])
    asked: dict[Role, Evaluated] = {
        "base": stored_model(workshop, base),
        "champion": registered_model(workshop, champion),
    }
    newest = read_summaries(workshop.store, parameters.name, newest=1)
    demo = newest[0].parameters.is_demo if newest else True
    named = parameters.eval_sets or (newest[0].parameters.eval_sets if newest else "")
    sets = choose_eval_sets(named, demo=demo)
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
        champion=champion.version, scorecard=scorecard.key, reused=reused["scorecard"]
    )


def _ancestor(workshop: Workshop, stage: Stage, digest: str) -> Reference:
    found = workshop.outputs.with_digest(stage, digest)
    if found is None:
        raise ContractError(
            f"the champion's {stage.name} is not in the store",
            step="evaluate",
            where=f"{workshop.store.uri}/{stage.name}, digest {digest}",
            remedy="restore the store from a backup, or retrain and promote",
        )
    return found
