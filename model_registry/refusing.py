"""What refuses a promotion, and what to do about each. Needs nothing; writes nothing."""

from __future__ import annotations

from datetime import datetime

from data_contracts.errors import ContractError
from model_registry.approvals import Decision
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.releases import goal_of
from model_registry.standing import Standing

STEP = "promote"


def require_yes(
    candidate: Candidate,
    dossier: Dossier,
    decision: Decision,
    standing: Standing,
    now: datetime,
) -> None:
    """Return if gates, people, the time and the champion of today say yes; ContractError if not."""
    compared = dossier.champion.digest if dossier.champion else None
    again = (
        f"`paddock run --name {candidate.model}` with its parameters judges it again beside what "
        "serves now, and asks people again"
    )
    refusals = {
        "its gates refused it": (not dossier.verdict.passed, "train a better candidate"),
        f"people have not approved it ({decision.reason})": (
            decision.state != "approved",
            "answer its item in MLflow's Review tab",
        ),
        f"its evidence expired on {dossier.expires}": (dossier.expired(now), again),
        "the champion is not the one it was compared with": (
            compared != standing.digest,
            _nearer(standing, compared) or again,
        ),
    }
    for what, (refused, remedy) in refusals.items():
        if refused:
            where = f"{candidate.name} version {candidate.version}"
            raise ContractError(what, step=STEP, where=where, remedy=remedy)


def _nearer(standing: Standing, compared: str | None) -> str:
    """Return what to do first where a rollback leads to the champion that a dossier names."""
    goal = goal_of(standing.rows)
    if goal is None or goal.digest is None or goal.digest != compared:
        return ""
    return (
        f"`paddock rollback --name {standing.name} --reason …` goes back to version "
        f"{goal.version}, with which it was compared; then promote it"
    )
