"""The dossier: everything a person (and later the promoter) needs to say yes to a candidate.

Needs the candidate, its scorecard and its verdict. Writes dossier.json (canonical, so that its
sha256 is its identity), dossier.md and their signature below the candidate run's artifacts, and
the verdict into the version's tags and description.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from data_contracts.digests import canonical_json
from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.candidates import Candidate, candidate_of, find_candidate
from model_registry.gates import Verdict, verdict_markdown
from model_registry.scorecard import Scorecard
from model_registry.signing import SigningKeys, sign_folder, verify_folder
from model_registry.standing import read_champion
from model_registry.tracking import Registry
from model_registry.versions import Version, describe_version, tag_version

STEP = "dossier"
DOSSIER_TAG, VERDICT_TAG, PASSED = "paddock.dossier", "paddock.verdict", "passed"
_PLACE = "dossiers"


class ChampionSeen(Frozen):
    """The champion that the candidate was compared with; `digest` is its identity."""

    version: int
    digest: str


class EarlierNo(Frozen):
    """A no that a person said to an earlier dossier (by its identity) of the same candidate."""

    dossier: str
    person: str
    at: str
    reason: str


class Dossier(Frozen):
    """The evidence on one candidate. Times are UTC, ISO 8601."""

    candidate: str
    version: int
    digest: str
    files_digest: str
    tokenizer_digest: str
    card_digest: str
    references: dict[str, str]
    scorecard_digest: str
    verdict: Verdict
    champion: ChampionSeen | None
    human_review: dict[str, float] | None = Field(description="None: no ratings yet")
    code_revision: str
    created: str
    expires: str
    declined_before: tuple[EarlierNo, ...] = ()

    @field_validator("references", "human_review")
    @classmethod
    def _in_one_order(cls, entries: dict[str, Any] | None) -> dict[str, Any] | None:
        """Sort, as canonical JSON does: what is read back then gives the same text."""
        return None if entries is None else dict(sorted(entries.items()))

    @property
    def identity(self) -> str:
        """Return the sha256 (hex) of the dossier's canonical JSON."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def canonical(self) -> bytes:
        """Return the dossier's bytes: equal dossiers give equal bytes."""
        # Where nobody said no there is no field, as in dossiers of before there was one.
        without = set[str]() if self.declined_before else {"declined_before"}
        return canonical_json(self.model_dump(mode="json", exclude=without))

    def expired(self, now: datetime) -> bool:
        """Tell whether the evidence is too old to act on."""
        return now >= datetime.fromisoformat(self.expires)


def publish_dossier(
    registry: Registry,
    candidate: Candidate,
    scorecard: Scorecard,
    scorecard_digest: str,
    verdict: Verdict,
    keys: SigningKeys,
    *,
    code_revision: str,
    human_review: Mapping[str, float] | None = None,
    declined_before: Sequence[EarlierNo] = (),
    valid_for: timedelta = timedelta(days=14),
    now: datetime | None = None,
) -> Dossier:
    """Write the dossier, or return the one that stands if it says the same and has not expired.

    `declined_before` is what people said no to; a no alone is no new evidence, so it stands.
    ContractError if the scorecard is about another model, or compares with another champion than
    the one there is.
    """
    standing = _standing(registry, candidate, keys)
    champion = read_champion(registry, candidate.model, STEP)
    if standing and champion and champion.digest == candidate.digest:
        return standing  # It serves already: there is nothing left to compare it with.
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    dossier = Dossier(
        candidate=candidate.name,
        version=candidate.version,
        digest=candidate.digest,
        files_digest=candidate.files_digest,
        tokenizer_digest=candidate.tokenizer_digest,
        card_digest=candidate.card_digest,
        references=candidate.references,
        scorecard_digest=scorecard_digest,
        verdict=verdict,
        champion=_champion_seen(champion, candidate, scorecard),
        human_review=dict(human_review) if human_review else None,
        code_revision=code_revision,
        created=now.isoformat(),
        expires=(now + valid_for).isoformat(),
        declined_before=tuple(declined_before),
    )
    if standing and not standing.expired(now) and _same_evidence(standing, dossier):
        return standing
    _store(registry, candidate, dossier, keys)
    return dossier


def read_dossier(registry: Registry, candidate: Candidate, keys: SigningKeys) -> Dossier:
    """Return a candidate's current dossier; IntegrityError unless digest and signature hold."""
    current = find_candidate(registry, candidate.model, candidate.version)
    identity = current.tags.get(DOSSIER_TAG, "")
    if not identity:
        raise ContractError(
            "the candidate has no dossier",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy="evaluate it and judge it by the gates first",
        )
    place = f"{_PLACE}/{identity[:16]}"
    with registry.downloaded(registry.artifact_uri(candidate.run, place)) as folder:
        verify_folder(folder / "content", folder / "dossier.sig", keys)
        dossier = _parse((folder / "content" / "dossier.json").read_bytes())
    if dossier.identity != identity or (dossier.candidate, dossier.version) != (
        candidate.name,
        candidate.version,
    ):
        raise IntegrityError(
            "the dossier is not the one this version names",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy="judge the candidate again, and ask who changed the registry",
        )
    return dossier


def dossier_markdown(dossier: Dossier) -> str:
    """Return the dossier as a page for people."""
    champion = dossier.champion
    compared = f"version {champion.version}" if champion else "none yet"
    review = dossier.human_review
    rows = {
        "candidate": f"{dossier.candidate} version {dossier.version}",
        "champion": compared,
        "human review": ", ".join(f"{key} {value:g}" for key, value in review.items())
        if review
        else "none yet",
        **{
            f"declined before by {no.person}": f"{no.at[:10]}: {no.reason or 'no reason given'}"
            for no in dossier.declined_before
        },
        "created, expires": f"{dossier.created}, {dossier.expires}",
        "code revision": dossier.code_revision,
        "files": dossier.files_digest,
        "tokenizer": dossier.tokenizer_digest,
        "model card": dossier.card_digest,
        "scorecard": dossier.scorecard_digest,
        **dossier.references,
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"{verdict_markdown(dossier.verdict)}\n\n| evidence | |\n|---|---|\n{table}\n"


def _champion_seen(
    champion: Version | None, candidate: Candidate, scorecard: Scorecard
) -> ChampionSeen | None:
    expected = {"candidate": candidate.references.get("model")}
    expected["champion"] = candidate_of(champion).references.get("model") if champion else None
    for role in ("candidate", "champion"):
        if scorecard.models.get(role) != expected[role]:
            raise ContractError(
                f"the scorecard is about another {role} than the registry holds",
                step=STEP,
                where=f"{candidate.name} version {candidate.version}",
                remedy="evaluate again, so that the comparison is with what serves now",
            )
    return ChampionSeen(version=champion.version, digest=champion.digest) if champion else None


def _standing(registry: Registry, candidate: Candidate, keys: SigningKeys) -> Dossier | None:
    try:
        return read_dossier(registry, candidate, keys)
    except (ContractError, IntegrityError):
        return None


def _same_evidence(one: Dossier, other: Dossier) -> bool:
    beside = {"created", "expires", "declined_before"}
    return one.model_dump(exclude=beside) == other.model_dump(exclude=beside)


def _store(registry: Registry, candidate: Candidate, dossier: Dossier, keys: SigningKeys) -> None:
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        (content / "dossier.json").write_bytes(dossier.canonical)
        (content / "dossier.md").write_text(dossier_markdown(dossier), encoding="utf-8")
        sign_folder(content, Path(scratch) / "dossier.sig", keys)
        registry.upload(candidate.run, Path(scratch), f"{_PLACE}/{dossier.identity[:16]}")
    name, version = candidate.name, candidate.version
    describe_version(registry, name, version, verdict_markdown(dossier.verdict))
    verdict = PASSED if dossier.verdict.passed else "refused"
    # The dossier's tag comes last: it is what makes the dossier count.
    tag_version(registry, name, version, {VERDICT_TAG: verdict, DOSSIER_TAG: dossier.identity})


def _parse(content: bytes) -> Dossier:
    try:
        return Dossier.model_validate_json(content)
    except ValidationError as error:
        raise IntegrityError(
            "the dossier cannot be read", step=STEP, remedy="judge the candidate again"
        ) from error
