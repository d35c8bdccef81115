"""Puts a router before gates and people; see flows/releasing_part.py."""

from __future__ import annotations

from flows.releasing_part import Made, release_part
from flows.workshop.parts import Workshop
from model_registry.dossier import Dossier
from model_registry.part_files import ROUTER
from model_registry.scorecard import Scorecard
from tasks.routing.model import read_router
from tasks.storage.outputs import Reference


def router_name(name: str) -> str:
    """Return the registered model that a model's routers are versions of."""
    return f"{name}-router"


def release_router(
    workshop: Workshop,
    name: str,
    output: Reference,
    comparison: Reference,
    scorecard: Scorecard,
    judged: Reference,
    *,
    policy: str,
) -> Dossier:
    """Register a router as a candidate of `name`, judge it, and ask people about it if it passes.

    `comparison` is the scorecard of both models, `judged` the router's own.
    """
    router = read_router(workshop.outputs.fetch(output))
    sends = (
        "sends nothing to the small model"
        if router.threshold is None
        else (
            f"sends {router.held.small} of {router.held.asked} held-out requests to the small model"
        )
    )
    made = Made(
        part=ROUTER,
        output=output,
        encoder=router.encoder,
        dataset=comparison.digest,
        about=(
            f"Routes requests between {router.small.called} (small) and {router.large.called} "
            f"(large); it {sends}. Made by Paddock.",
        ),
        tags={
            "data": f"answers of {router.small.called} and {router.large.called}",
            "method": f"logistic regressions, encoder {router.encoder[:12]}, "
            f"{router.points:g} points may be lost",
        },
        more={"small": router.small.digest, "large": router.large.digest},
    )
    return release_part(workshop, name, made, scorecard, judged.digest, policy)
