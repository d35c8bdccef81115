"""What each action of `paddock router` does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from data_contracts.errors import ContractError, InputError
from flows.asking.router_parameters import RouterParameters
from flows.command.readying import make_ready, started
from flows.command.words import Options
from flows.workshop.settings import read_settings

if TYPE_CHECKING:
    from flows.workshop.parts import Workshop
    from tasks.routing.model import Router

LOGGER = logging.getLogger("paddock")
CHAMPION = "champion"


def router(parameters: RouterParameters, options: Options) -> int:
    """Do what was asked; exit code 1 if a gate refused the router."""
    if parameters.action == "ask" and not parameters.question.strip():
        raise InputError(
            "no question was given",
            step="router",
            where="paddock router ask",
            remedy='ask one, in quotation marks: paddock router ask "how long is the warranty?"',
        )
    building = parameters.action == "build"
    make_ready(options, servers=building or parameters.router == CHAMPION)
    if building:
        done = started("flows.routing", "build_router", parameters.building())
        return 0 if done.passed else 1
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    digest, found = chosen(workshop, parameters)
    tell = _asked if parameters.action == "ask" else _shown
    LOGGER.info("Router %s\n\n%s\n", digest[:16], tell(workshop, found, parameters))
    return 0


def chosen(workshop: Workshop, parameters: RouterParameters) -> tuple[str, Router]:
    """Return the router that is named, with its digest; what serves is verified."""
    from flows.releasing_part import serving_part
    from flows.routers.releasing import router_name
    from model_registry.part_files import ROUTER as PART
    from tasks.routing.model import read_router
    from tasks.storage.choosing import chosen_output
    from tasks.storage.stages import ROUTER

    if parameters.router != CHAMPION:
        reference = chosen_output(
            workshop.outputs,
            ROUTER,
            parameters.router,
            step="router",
            made_with="paddock router build",
        )
        return reference.digest, read_router(workshop.outputs.fetch(reference))
    name = router_name(parameters.name)
    with serving_part(workshop, name, PART) as serving:
        if serving is None:
            raise ContractError(
                "no router serves",
                step="router",
                where=name,
                remedy=f"`paddock promote --name {name}` lets one route that people approved",
            )
        return serving[0], read_router(serving[1])


def _shown(workshop: Workshop, found: Router, parameters: RouterParameters) -> str:
    from flows.routers.judging import described
    from flows.routers.seen import seen_in_words

    seen = seen_in_words(workshop.settings.home, parameters.name)
    return "\n\n".join(filter(None, (described(found), seen)))


def _asked(workshop: Workshop, found: Router, parameters: RouterParameters) -> str:
    from tasks.models.encoding import Encoder
    from tasks.routing.model import features_of

    del workshop
    [score] = found.scores(features_of(Encoder(), [parameters.question], [1]))
    [small] = found.sends([score])
    side = found.small if small else found.large
    needs = (
        "no threshold" if found.threshold is None else f"the threshold is {found.threshold:+.3f}"
    )
    return f"goes to {side.called}: score {score:+.3f}, {needs}"
