"""Prefect's view of routing: make a router of two models' answers, judge it; found if unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from model_registry.scorecard import EvalSetUsed, Role, Scorecard
from tasks.models.encoding import Encodes
from tasks.routing.building import Asked, Differences, build_router
from tasks.routing.evaluating import Statistics, evaluate_router
from tasks.routing.model import Router, read_router
from tasks.routing.pairs import Pair
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import ROUTER, ROUTER_SCORECARD


@task(name="make the router", cache_policy=NO_CACHE)
def router_step(
    outputs: Outputs,
    comparison: Reference,
    pairs: Sequence[Pair],
    asked: Asked,
    encoder: Encodes,
    *,
    seed: int,
    difference: Differences,
) -> Built:
    """Make a router of the pairs, which are those of a `comparison` (a scorecard), or find it."""

    def make(folder: Path) -> dict[str, int]:
        return build_router(pairs, asked, encoder, folder, seed=seed, difference=difference)

    inputs = {"scorecard": comparison.digest, "encoder": encoder.digest}
    return outputs.build(ROUTER.of(inputs, {"asked": asked.model_dump(), "seed": seed}), make)


@task(name="judge the router", cache_policy=NO_CACHE)
def router_scorecard_step(
    outputs: Outputs,
    router: Reference,
    comparison: Reference,
    pairs: Sequence[Pair],
    encoder: Encodes,
    sets: Mapping[str, EvalSetUsed],
    *,
    seed: int,
    statistics: Statistics,
    page: Callable[[Scorecard], str],
    champion: tuple[str, Router] | None = None,
    remarks: Sequence[str] = (),
) -> Built:
    """Judge a router on what it never saw, or find what was found."""

    def make(folder: Path) -> dict[str, int]:
        mine = read_router(outputs.fetch(router))
        judged: dict[Role, tuple[str, Router]] = {"candidate": (router.digest, mine)}
        if champion:
            judged["champion"] = champion
        scorecard = evaluate_router(
            pairs,
            judged,
            encoder,
            sets,
            folder,
            seed=seed,
            statistics=statistics,
            page=page,
            remarks=remarks,
        )
        return {"metrics": len(scorecard.metrics), "pairs": len(pairs)}

    inputs = {"router": router.digest, "scorecard": comparison.digest, "encoder": encoder.digest}
    if champion:
        inputs["champion router"] = champion[0]
    return outputs.build(ROUTER_SCORECARD.of(inputs, {"seed": seed}), make)
