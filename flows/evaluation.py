"""`evaluate`: ask the champion again, every night, and see whether it still holds up.

Verifies the champion's signature and bytes, lets it answer the eval sets that it was judged by, as
they are today (a new version of a set is a new question), and scores it beside the base model.
"""

from __future__ import annotations

import json
from contextlib import suppress

from prefect import flow
from pydantic import BaseModel, ValidationError

from data_contracts.errors import ContractError
from eval_sets.types import EvalSet
from flows.asking.inputs import choose_eval_sets
from flows.asking.parameters import EvaluateParameters, RetrainParameters
from flows.comparing import compare_models, registered_model, stored_model
from flows.showing.progress import LOGGER, stage
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.candidates import candidate_of
from model_registry.scorecard import Role
from model_registry.versions import Version
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
    champion = workshop.champion(parameters.name, "evaluate")
    references = candidate_of(champion).references
    with stage("verify the champion"), workshop.verified_files(champion):
        pass
    base = _ancestor(workshop, BASE, references["base"])
    snapshot = _ancestor(workshop, SNAPSHOT, references["dataset"])
    asked: dict[Role, Evaluated] = {
        "base": stored_model(workshop, base),
        "champion": registered_model(workshop, champion),
    }
    sets = sets_to_ask(workshop, champion, parameters.eval_sets)
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


def sets_to_ask(workshop: Workshop, champion: Version, named: str) -> list[EvalSet]:
    """Return the eval sets that are named, else those that the champion was judged by.

    ContractError if no record of a run that made the champion can be read.
    """
    if named.strip(" ,"):
        return choose_eval_sets(named, demo=True)
    for key in sorted(workshop.store.keys(f"runs/{champion.name}"), reverse=True):
        summary = json.loads(workshop.store.read(key))
        if summary.get("candidate_digest") == champion.digest:
            with suppress(ValidationError):  # of an older form: another record may not be
                asked = RetrainParameters.model_validate(summary["parameters"])
                return choose_eval_sets(asked.eval_sets, demo=asked.is_demo)
    raise ContractError(
        "nobody recorded which eval sets the champion was judged by",
        step="evaluate",
        where=f"{champion.name} version {champion.version}",
        remedy="name them with --eval-sets",
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
