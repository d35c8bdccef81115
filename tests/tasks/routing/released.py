"""A router that goes the whole way: signed, judged by the policy `routing`, approved."""

from __future__ import annotations

from pathlib import Path

from data_contracts.digests import folder_digest
from model_registry.approvals import record_decision, request_approval
from model_registry.candidates import Candidate
from model_registry.part_files import ROUTER
from model_registry.scorecard import Estimate, MetricResult, Role, Scorecard
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from tasks.release.steps import judge_step, register_part_step
from tasks.routing.evaluating import POINTS, SAVED
from tasks.routing.model import Router, write_router

BY_POLICY = {
    "quality_lost": (POINTS, 0.001, -0.004, 0.006),
    "saved": (SAVED, 0.4, 0.37, 0.43),
    "area_over_random": (POINTS, 0.03, 0.02, 0.04),
    "area_over_length": (POINTS, 0.02, 0.01, 0.03),
}


def scorecard_of(models: dict[Role, str], **other: tuple[float, float, float]) -> Scorecard:
    """Return a scorecard that the policy lets pass, but for what is given otherwise."""
    metrics: dict[str, MetricResult] = {}
    for name, (unit, *usual) in BY_POLICY.items():
        value, low, high = other.get(name, tuple(usual))
        same = Estimate(value=0.0, low=-0.01, high=0.01, n=500)
        metrics[f"routing/{name}"] = MetricResult(
            key=f"routing/{name}",
            unit=unit,
            higher_is_better=name != "quality_lost",
            scores={role: Estimate(value=value, low=low, high=high, n=500) for role in models},
            differences={"candidate-champion": same} if "champion" in models else {},
        )
    return Scorecard(models=models, eval_sets={}, metrics=metrics, seed=7, resamples=100)


def registered(
    registry: Registry, keys: SigningKeys, name: str, router: Router, scratch: Path
) -> Candidate:
    """Register a router."""
    made = scratch / "made"
    made.mkdir(parents=True, exist_ok=True)
    write_router(router, made)
    return register_part_step.fn(
        registry,
        keys,
        name,
        ROUTER,
        made,
        encoder=router.encoder,
        card="# A router\n",
        references={"model": folder_digest(made), "dataset": "a" * 64},
        scratch=scratch,
        tags={},
    )


def approved(
    registry: Registry,
    keys: SigningKeys,
    name: str,
    router: Router,
    scratch: Path,
    *,
    champion: str = "",
) -> Candidate:
    """Register a router and let both seats approve it; `champion` is the digest that serves."""
    candidate = registered(registry, keys, name, router, scratch)
    models: dict[Role, str] = {"candidate": candidate.references["model"]}
    if champion:
        models["champion"] = champion
    dossier = judge_step.fn(
        registry,
        keys,
        candidate,
        scorecard_of(models),
        "s" * 64,
        policy="routing",
        code_revision="r1",
        human_review=None,
        rated={},
        lost=None,
        asker=None,
    )
    assert dossier.verdict.passed, dossier.verdict
    request_approval(registry, name, dossier)
    for seat, person in (("quality", "ada"), ("safety", "grace")):
        record_decision(registry, name, dossier, approve=True, person=person, seat=seat)
    return candidate
