"""Prefect's view of release: register, judge, ask people, promote, roll back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.digests import folder_digest
from model_registry.accounts.authors import seal
from model_registry.approvals import Request, read_noes
from model_registry.asking import ask, ask_what_waits, deciders
from model_registry.candidates import Candidate, find_candidate, register_candidate
from model_registry.dossier import Dossier, publish_dossier
from model_registry.dossier_page import dossier_html
from model_registry.gates import judge
from model_registry.lost_cases import LostCases
from model_registry.model_files import tokenizer_digest
from model_registry.part_files import Part
from model_registry.policy import load_policy
from model_registry.promotion import Poll, promote, promote_approved, rollback
from model_registry.reconciling import Reconciled, reconcile
from model_registry.releases import Release
from model_registry.retiring import retire
from model_registry.scorecard import MetricResult, Scorecard
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from model_registry.version_page import human_tags, version_markdown
from tasks.redaction.logs import show_names
from tasks.release.assembly import Evidence, assemble, assemble_part, origin


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
        digest = folder_digest(files)
        seal(registry, evidence.name, digest)
        return register_candidate(
            registry,
            evidence.name,
            files,
            digest=digest,
            trained_tokenizer=lambda: tokenizer_digest(base),
            description="Not judged yet.",
            references=evidence.references,
            keys=keys,
            tags={**tags, **origin(evidence)},
        )


@task(name="register a part", cache_policy=NO_CACHE)
def register_part_step(
    registry: Registry,
    keys: SigningKeys,
    name: str,
    part: Part,
    made: Path,
    *,
    encoder: str,
    card: str,
    references: Mapping[str, str],
    scratch: Path,
    tags: Mapping[str, str],
) -> Candidate:
    """Register an index or a router as a signed candidate; the same one is the same version."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        files = Path(place) / "files"
        assemble_part(part, made, card, references, files)
        digest = folder_digest(files)
        seal(registry, name, digest)
        return register_candidate(
            registry,
            name,
            files,
            digest=digest,
            trained_tokenizer=lambda: encoder,
            description="Not judged yet.",
            references=references,
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
    rated: Mapping[str, MetricResult],
    lost: LostCases | None,
    asker: Registry | None,
    remarks: Sequence[str] = (),
    prefect: str = "",
) -> Dossier:
    """Apply the policy to the scorecard and publish the signed dossier with the verdict.

    `rated` are ratings by people or a judge, and times, as figures that gates may name beside those
    of the scorecard. `remarks` stand on the dossier's page beside the scorecard's notes.
    `asker` is the registry as who may ask people, and so read what they said of earlier dossiers;
    without one no earlier no is told of, and each then stands. `prefect` is where Prefect's pages
    are, for the link on the version's page.
    """
    seen = scorecard.model_copy(
        update={
            "metrics": {**scorecard.metrics, **rated},
            "notes": (*scorecard.notes, *remarks),
        }
    )
    chosen = load_policy(policy)
    subject = f"{candidate.name} version {candidate.version}"
    told = read_noes(asker, candidate.model, subject, seats=chosen.seats) if asker else []
    kept = registry.find_experiment(f"{candidate.model}-candidates") or ""
    return publish_dossier(
        registry,
        candidate,
        scorecard,
        scorecard_digest,
        judge(chosen, seen),
        keys,
        code_revision=code_revision,
        page=lambda dossier: dossier_html(dossier, seen),
        describe=lambda dossier: version_markdown(
            dossier, seen, candidate, experiment=kept, prefect=prefect
        ),
        tags=human_tags,
        human_review=human_review,
        lost=lost,
        declined_before=told,
        seats=chosen.seats,
        canary=chosen.canary,
    )


@task(name="ask for approval", cache_policy=NO_CACHE)
def ask_step(registry: Registry, name: str, dossier: Dossier, keys: SigningKeys) -> Request:
    """Put a dossier that passed its gates before people, once its bytes were seen to be signed."""
    show_names(deciders(registry, name))
    return ask(registry, find_candidate(registry, name, dossier.version), dossier, keys)


@task(name="promote what is approved", cache_policy=NO_CACHE)
def promote_step(
    registry: Registry, name: str, keys: SigningKeys, version: int | None = None
) -> Poll:
    """Promote the newest approved candidate, if there is one, or the candidate that is named.

    People are asked first about what waits, where the account that trains may not ask them.
    """
    unasked = ask_what_waits(registry, name, keys)
    show_names(deciders(registry, name))
    if version is None:
        poll = promote_approved(registry, name, keys)
        return poll.model_copy(update={"passed_over": unasked | poll.passed_over})
    return Poll(release=promote(registry, name, version, keys), passed_over={})


@task(name="reconcile", cache_policy=NO_CACHE)
def reconcile_step(
    registry: Registry, names: Sequence[str], keys: SigningKeys | None = None
) -> list[Reconciled]:
    """Bring the aliases of models to what the ledger says; with `keys`, verify the bytes, too."""
    return [reconcile(registry, name, keys) for name in names]


@task(name="roll back", cache_policy=NO_CACHE)
def rollback_step(registry: Registry, name: str, reason: str, keys: SigningKeys) -> Release:
    """Make the previous champion the champion again."""
    return rollback(registry, name, reason, keys)


@task(name="take out of service", cache_policy=NO_CACHE)
def retire_step(registry: Registry, name: str, reason: str) -> Release:
    """Let nothing serve."""
    return retire(registry, name, reason)
