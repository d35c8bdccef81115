"""What a retraining takes from the champion where nobody says otherwise.

How it is judged, where the champion's log is what it is trained on, and whose weights it begins at.
Nothing is written.
"""

from __future__ import annotations

from data_contracts.errors import ContractError
from flows.asking.drift_parameters import Start
from flows.asking.given import choose_eval_sets
from flows.asking.log_source import PREFIX as LOG
from flows.asking.log_source import read_rule
from flows.asking.naming import CHAMPION
from flows.asking.parameters import RetrainParameters
from flows.champion import find_champion, nothing_serves
from flows.workshop.parts import Workshop


def judged_alike(workshop: Workshop, parameters: RetrainParameters) -> RetrainParameters:
    """Return parameters with the eval sets and the policy of the champion whose log is the source.

    Where they are named they stay, and of another source nothing is changed. ContractError where
    no record says how the champion was judged: a retraining from its log must not be judged less.
    """
    if not parameters.source.startswith(LOG) or (parameters.eval_sets and parameters.policy):
        return parameters
    name = read_rule(parameters.source).name
    if nothing_serves(workshop, name, "log source"):
        return parameters
    try:
        made = find_champion(workshop, name, "log source").parameters
    except ContractError as error:
        remedy = "name the eval sets with --eval-sets and the gates with --policy"
        raise ContractError(error.what, step=error.step, where=error.where, remedy=remedy) from None
    demo = (one.name for one in choose_eval_sets((), made.scopes)) if made.is_demo else ()
    judged = {
        "eval_sets": parameters.eval_sets or made.eval_sets or tuple(demo),
        "policy": parameters.policy or made.gate_policy,
    }
    return parameters.model_copy(update=judged)


def begun_at(start: Start, asked: RetrainParameters) -> RetrainParameters:
    """Return the parameters of a retraining that nobody asks for, from what it begins at.

    From the champion's weights half of the learning rate that made it, and one pass, is enough to
    learn what is new, and leaves what was known (docs/log.md has the measurements). A champion that
    was itself made so has these parameters already. ContractError where it is to begin at the base
    with those: it would learn too little.
    """
    if not start:
        start = "champion" if asked.source.startswith(LOG) or asked.start else "base"
    if start == "base" and asked.start:
        raise ContractError(
            "the champion's parameters are of a training that went on from another model; from the "
            "base it would learn too little with them",
            step="drift",
            where=f"{asked.name}: start {asked.start}",
            remedy='leave start at "champion" under [drift], or promote what `paddock run` trained '
            "from the base",
        )
    if start == "base" or asked.start:
        return asked
    rate = asked.learning_rate / 2
    going_on = {"start": CHAMPION, "learning_rate": rate, "num_train_epochs": 1}
    return asked.model_copy(update=going_on)
