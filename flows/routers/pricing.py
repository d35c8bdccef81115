"""What a million tokens cost at each of a router's models: given, known, or measured here.

Measured are tokens a second of four clients, on an engine as `paddock serve` would start it; a
price is then hours of one engine. Needs both models' files; writes a log of each engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from data_contracts.errors import InputError
from eval_sets.types import EvalSet
from flows.asking.router_parameters import BuildRouterParameters
from flows.compressing import QUESTIONS
from flows.routers.pairing import Asked, Sides
from flows.serving.champion import SAFE
from flows.showing.progress import stage
from flows.variants.measuring import measure
from flows.workshop.parts import Workshop
from tasks.routing.curve import Prices
from tasks.routing.pairs import STEP
from tasks.serving.specification import Engine
from tasks.storage.outputs import Reference
from tasks.storage.stages import ROUTER

HOURS: Literal["hours of an engine"] = "hours of an engine"


def prices_of(
    workshop: Workshop,
    parameters: BuildRouterParameters,
    sides: Sides,
    sets: Sequence[EvalSet],
    comparison: Reference,
) -> Prices:
    """Return both prices; InputError where one is given and the other not."""
    small, large = parameters.small_cost, parameters.large_cost
    if bool(small) != bool(large):
        raise InputError(
            "the price of one model is given, and not the other's",
            step=STEP,
            where=f"small_cost {small:g}, large_cost {large:g}",
            remedy="give both, or none: then both are measured here",
        )
    if small and large:
        return Prices(small=small, large=large)
    if known := _measured_before(workshop, sides, comparison):
        return known
    return Prices(
        small=_measured(workshop, sides.small, sides.threads, sets, "the small model"),
        large=_measured(workshop, sides.large, sides.threads, sets, "the large model"),
        unit=HOURS,
    )


def _measured_before(workshop: Workshop, sides: Sides, comparison: Reference) -> Prices | None:
    """Return what was measured for an earlier router of the same answers.

    So that what is built again is the same router, and not one of another minute's speed.
    """
    both = {"small": sides.small.side.model_dump(), "large": sides.large.side.model_dump()}
    for _, made in workshop.outputs.every(ROUTER):
        asked = made.parameters.get("asked", {})
        same = {name: asked.get(name) for name in both} == both
        if same and made.inputs.get("scorecard") == comparison.digest:
            found = Prices.model_validate(asked["prices"])
            if found.unit == HOURS:
                return found
    return None


def _measured(
    workshop: Workshop, asked: Asked, threads: int, sets: Sequence[EvalSet], called: str
) -> float:
    """Return the hours of an engine that a million tokens take, to three digits."""
    weights = asked.weights or SAFE
    questions = [case.messages[-1].content for one in sets for case in one.cases][:QUESTIONS]
    log = workshop.settings.home / "logs" / f"router-{asked.side.name}-{weights}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    engine = Engine(weights=weights, slots=4, threads=threads)
    with stage(f"measure {called}"), asked.folder() as folder:
        taken = measure(folder, weights, questions, engine, log)
    return float(f"{1e6 / 3600 / taken.tokens_per_second_of_four:.3g}")
