"""`build_router`: which requests a small model may answer for a large one, and what that saves.

The large model is the champion or a candidate; the small one another released model, or the same
weights in fewer bits. Both are asked the same eval sets (what they answered before is found), a
router learns of both scorecards which requests the small one answers as well, and gates judge it
on requests that it never saw. It is registered, approved, promoted and rolled back as
`NAME-router`, and `paddock serve` sends by it.
"""

from __future__ import annotations

from typing import NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from eval_sets.types import EvalSet
from flows.asking.flow_runs import run_name
from flows.asking.router_parameters import BuildRouterParameters
from flows.evaluation import judged_by
from flows.releasing_part import serving_part
from flows.routers.judging import STATISTICS, described, difference_of, outcome
from flows.routers.pairing import Sides, compared, pairs_of, sides_of
from flows.routers.pricing import prices_of
from flows.routers.releasing import release_router, router_name
from flows.showing import publishing
from flows.showing.leading_on import report_places
from flows.showing.progress import LOGGER, stage
from flows.showing.turns import turn
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.gates import judge, verdict_markdown
from model_registry.part_files import ROUTER
from model_registry.policy import load_policy
from model_registry.scorecard import Scorecard, read_scorecard
from tasks.evaluation.report import markdown
from tasks.models.encoding import Encoder
from tasks.routing.building import Asked
from tasks.routing.evaluating import CURVE_PLOT, SCORECARD
from tasks.routing.model import Router, read_router
from tasks.routing.pairs import Pair, require_enough
from tasks.routing.steps import router_scorecard_step, router_step
from tasks.storage.outputs import Reference

DEFAULTS = BuildRouterParameters()


class Routed(BaseModel):
    """A router and what its gates said; without a threshold it sends everything to the large."""

    router: str
    scorecard: str
    threshold: float | None
    passed: bool
    reused: bool


class _Made(NamedTuple):
    reference: Reference
    router: Router
    reused: bool


@flow(name="build_router", flow_run_name=run_name, description=__doc__)
def build_router(parameters: BuildRouterParameters = DEFAULTS) -> State[Routed]:
    """Make a router of two models' answers, judge it, and register it if asked."""
    workshop = Workshop(read_settings())
    policy = load_policy(parameters.policy)
    sides = sides_of(workshop, parameters)
    sets = judged_by(sides.made, parameters.eval_sets)
    require_enough(sum(len(one.cases) for one in sets))
    with turn(workshop.settings):
        comparison = compared(workshop, sides, sets)
        pairs, left_out = pairs_of(workshop.outputs, comparison, sets)
        made = _made(workshop, parameters, sides, sets, comparison.scorecard, pairs)
        scorecard, judged = _judged(
            workshop, parameters.name, made, comparison.scorecard, pairs, left_out
        )
    name = router_name(parameters.name)
    verdict = judge(policy, scorecard)
    folder = workshop.outputs.fetch(judged)
    publishing.log_scorecard(workshop.registry, name, judged.digest, folder)
    if parameters.register_it:
        verdict = release_router(
            workshop,
            name,
            made.reference,
            comparison.scorecard,
            scorecard,
            judged,
            policy=parameters.policy,
        ).verdict
    told = outcome(made.reference, made.router, scorecard, verdict)
    LOGGER.info("%s\n\nFiles  %s/%s", told, workshop.store.uri, judged.key)
    said = "passes" if verdict.passed else "is refused by"
    state = f"Router {made.reference.digest[:16]} {said} policy {policy.name}."
    page = [
        f"**{state}**",
        described(made.router),
        publishing.inline_image(folder / CURVE_PLOT, "cost against quality"),
        verdict_markdown(verdict),
        markdown(scorecard),
    ]
    publishing.publish_page(
        "router",
        "\n\n".join(page),
        "What a router saves and loses, on requests it never saw",
        places=report_places(workshop, name, judged.digest),
        to_do="`paddock router ask` asks it; once people approved it, "
        f"`paddock promote --name {name}` lets it route where `[router]` stands in the serving's "
        "file.",
    )
    done = Routed(
        router=made.reference.digest,
        scorecard=judged.key,
        threshold=made.router.threshold,
        passed=verdict.passed,
        reused=made.reused,
    )
    return Completed(message=state, data=done)


def _made(
    workshop: Workshop,
    parameters: BuildRouterParameters,
    sides: Sides,
    sets: list[EvalSet],
    comparison: Reference,
    pairs: list[Pair],
) -> _Made:
    """Make the router, or find it; what a token costs is measured once for both models."""
    prices = prices_of(workshop, parameters, sides, sets, comparison)
    asked = Asked(
        small=sides.small.side, large=sides.large.side, prices=prices, points=parameters.points
    )
    with stage("make the router"):
        built = router_step(
            workshop.outputs,
            comparison,
            pairs,
            asked,
            Encoder(),
            seed=sides.seed,
            difference=difference_of,
        )
    router = read_router(workshop.outputs.fetch(built.reference))
    return _Made(built.reference, router, built.reused)


def _judged(
    workshop: Workshop,
    name: str,
    made: _Made,
    comparison: Reference,
    pairs: list[Pair],
    left_out: int,
) -> tuple[Scorecard, Reference]:
    """Judge it, beside the router that serves if that one is for the same two models."""
    used = read_scorecard(workshop.outputs.fetch(comparison) / "scorecard.json").eval_sets
    why = "no figure from 0 to 1 says how right their answers are"
    remarks = [f"{left_out} requests were left out: {why}."] if left_out else []
    with serving_part(workshop, router_name(name), ROUTER, made.reference) as serving:
        champion = None
        if serving:
            other = read_router(serving[1])
            if (other.small, other.large, other.encoder) == (
                made.router.small,
                made.router.large,
                made.router.encoder,
            ):
                champion = (serving[0], other)
        with stage("judge the router"):
            built = router_scorecard_step(
                workshop.outputs,
                made.reference,
                comparison,
                pairs,
                Encoder(),
                used,
                seed=7,
                statistics=STATISTICS,
                page=markdown,
                champion=champion,
                remarks=remarks,
            )
    folder = workshop.outputs.fetch(built.reference)
    return read_scorecard(folder / SCORECARD), built.reference
