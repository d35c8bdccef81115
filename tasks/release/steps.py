"""Prefect's view of release: register, judge, ask people, promote, roll back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.digests import folder_digest
from model_registry.approvals import Request, read_noes, request_approval
from model_registry.candidates import Candidate, register_candidate
from model_registry.dossier import Dossier, publish_dossier
from model_registry.gates import judge, load_policy
from model_registry.model_files import tokenizer_digest
from model_registry.promotion import Poll, promote, promote_approved, rollback
from model_registry.releases import Release
from model_registry.scorecard import Scorecard
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from tasks.release.assembly import Evidence, assemble


@task(name="register the candidate", cache_policy=NO_CACHE)
def register_step(
    registry: Registry,
    keys: SigningKeys,
    model: Path,
    base: Path,
    evidence: Evidence,
    scratch: Path,
    tags: Mapping[str, str],
) -> Candidate:
    """Register a trained model as a signed candidate; the same model is the same version.

    `base` is the folder whose tokenizer trained; another one in `model` is refused.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        files = Path(place) / "files"
        assemble(model, evidence, files)
        return register_candidate(
            registry,
            evidence.name,
            files,
            digest=folder_digest(files),
            trained_tokenizer=lambda: tokenizer_digest(base),
            description="Not judged yet.",
            references=evidence.references,
            keys=keys,
            tags=tags,
        )


@task(name="gates and dossier", cache_policy=NO_CACHE)
def judge_step(
    registry: Registry,
    keys: SigningKeys,
    candidate: Candidate,
    scorecard: Scorecard,
    scorecard_digest: str,
    *,
    policy: str,
    code_revision: str,
    human_review: Mapping[str, float] | None,
) -> Dossier:
    """Apply the policy to the scorecard and publish the signed dossier with the verdict."""
    return publish_dossier(
        registry,
        candidate,
        scorecard,
        scorecard_digest,
        judge(load_policy(policy), scorecard),
        keys,
        code_revision=code_revision,
        human_review=human_review,
        declined_before=read_noes(
            registry, candidate.model, f"{candidate.name} version {candidate.version}"
        ),
    )


@task(name="ask for approval", cache_policy=NO_CACHE)
def ask_step(registry: Registry, name: str, dossier: Dossier) -> Request:
    """Put a dossier that passed its gates before people."""
    return request_approval(registry, name, dossier)


@task(name="promote what is approved", cache_policy=NO_CACHE)
def promote_step(
    registry: Registry, name: str, keys: SigningKeys, version: int | None = None
) -> Poll:
    """Promote the newest approved candidate, if there is one, or the candidate that is named."""
    if version is None:
        return promote_approved(registry, name, keys)
    return Poll(release=promote(registry, name, version, keys), passed_over={})


@task(name="roll back", cache_policy=NO_CACHE)
def rollback_step(registry: Registry, name: str, reason: str, keys: SigningKeys) -> Release:
    """Make the previous champion the champion again."""
    return rollback(registry, name, reason, keys)
