"""The dossier: everything a person (and later the promoter) needs to say yes to a candidate.

Needs the candidate, its scorecard and its verdict. Writes dossier.json (canonical: its sha256 is
its identity), dossier.md and their signature below the candidate run's artifacts, and the version's
description and tags.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from data_contracts.digests import canonical_json
from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.accounts.authors import author_of
from model_registry.candidates import Candidate, candidate_of, find_candidate
from model_registry.gates import Verdict, verdict_markdown
from model_registry.lost_cases import LostCases, lost_markdown
from model_registry.policy import NO_CANARY, SEATS, Canary
from model_registry.scorecard import Scorecard
from model_registry.signing import SigningKeys, sign_folder, verify_folder
from model_registry.standing import read_champion
from model_registry.tracking import Registry
from model_registry.versions import Version, describe_version, tag_version

STEP = "dossier"
DOSSIER_TAG, VERDICT_TAG, PASSED = "paddock.dossier", "paddock.verdict", "passed"
PAGE, SIGNATURE = "dossier.html", "dossier.sig"
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
    lost: LostCases | None = Field(default=None, exclude_if=lambda lost: lost is None)
    declined_before: tuple[EarlierNo, ...] = ()
    seats: tuple[str, ...] = Field(default=SEATS, min_length=1)
    registered_by: str = Field(default="", description="Empty: a server without accounts")
    canary: Canary = NO_CANARY

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
        # What says nothing is left out, as in dossiers of before there was such a field.
        usual = {"declined_before": (), "seats": SEATS, "registered_by": "", "canary": NO_CANARY}
        without = {field for field, value in usual.items() if getattr(self, field) == value}
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
    page: Callable[[Dossier], str],
    describe: Callable[[Dossier], str] | None = None,
    tags: Callable[[Dossier], Mapping[str, str]] | None = None,
    human_review: Mapping[str, float] | None = None,
    lost: LostCases | None = None,
    declined_before: Sequence[EarlierNo] = (),
    seats: Sequence[str] = SEATS,
    canary: Canary = NO_CANARY,
    valid_for: timedelta = timedelta(days=14),
    now: datetime | None = None,
) -> Dossier:
    """Write the dossier, or return the one that stands if it says the same and has not expired.

    `page` makes the HTML that people read, `describe` and `tags` what the version's page says
    (without them, the verdict). `lost` are the cases that it lost, redacted.
    `declined_before` is what people said no to; a no alone is no new evidence. Each of `seats` must
    say yes, and not the account that registered the candidate. `canary` is what the policy asks.
    ContractError if the scorecard is about another model, or about another champion than there is.
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
        lost=lost,
        code_revision=code_revision,
        created=now.isoformat(),
        expires=(now + valid_for).isoformat(),
        declined_before=tuple(declined_before),
        seats=tuple(seats),
        canary=canary,
        registered_by=author_of(registry, candidate.model, candidate.digest),
    )
    if standing and not standing.expired(now) and _same_evidence(standing, dossier):
        return standing
    _store(registry, candidate, dossier, page(dossier), keys)
    describe = describe or (lambda dossier: verdict_markdown(dossier.verdict))
    describe_version(registry, candidate.name, candidate.version, describe(dossier))
    said = {"failed": "refused"}.get(dossier.verdict.state, dossier.verdict.state)
    # The dossier's tag comes last: it makes the dossier count.
    told = {**(tags(dossier) if tags else {}), VERDICT_TAG: said, DOSSIER_TAG: dossier.identity}
    tag_version(registry, candidate.name, candidate.version, told)
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
        dossier = verify_dossier(folder, keys)
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


def verify_dossier(folder: Path, keys: SigningKeys) -> Dossier:
    """Return the dossier of a folder as it was stored; needs the public key and nothing else.

    IntegrityError unless the signature holds over content/ with all that is in it.
    """
    verify_folder(folder / "content", folder / SIGNATURE, keys)
    try:
        return _parse((folder / "content" / "dossier.json").read_bytes())
    except OSError as error:
        raise IntegrityError(
            "there is no dossier in what was signed",
            step=STEP,
            where=str(folder),
            remedy="give the folder that `paddock dossier export` wrote",
        ) from error


def dossier_place(dossier: Dossier) -> str:
    """Return where a dossier lies below its candidate run's artifacts."""
    return f"{_PLACE}/{dossier.identity[:16]}"


def rated_text(dossier: Dossier) -> str:
    """Return what people said of the candidate's answers before the dossier was written."""
    if said := dossier.human_review:
        return ", ".join(f"{key} {value:g}" for key, value in said.items())
    when = dossier.created[:16].replace("T", " ")
    return f"nobody had rated its answers at {when} UTC; ratings since make a new dossier"


def dossier_markdown(dossier: Dossier, unrated: str = "") -> str:
    """Return the dossier as a page for people; `unrated` is what older ones said of no ratings."""
    compared = f"version {dossier.champion.version}" if dossier.champion else "none yet"
    rows = {
        "candidate": f"{dossier.candidate} version {dossier.version}",
        "champion": compared,
        "human review": unrated if unrated and not dossier.human_review else rated_text(dossier),
        **{
            f"declined before by {no.person}": f"{no.at[:10]}: {no.reason or 'no reason given'}"
            for no in dossier.declined_before
        },
        # As it was shown before there were these, where they say nothing.
        **({"registered by": dossier.registered_by} if dossier.registered_by else {}),
        **({"seats": ", ".join(dossier.seats)} if dossier.seats != SEATS else {}),
        **({"canary": dossier.canary} if dossier.canary != NO_CANARY else {}),
        "created, expires": f"{dossier.created}, {dossier.expires}",
        "code revision": dossier.code_revision,
        "files": dossier.files_digest,
        "tokenizer": dossier.tokenizer_digest,
        "model card": dossier.card_digest,
        "scorecard": dossier.scorecard_digest,
        **dossier.references,
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    lost = f"\n{lost_markdown(dossier.lost)}\n" if dossier.lost else ""
    return f"{verdict_markdown(dossier.verdict)}\n\n| evidence | |\n|---|---|\n{table}\n{lost}"


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


def _store(
    registry: Registry, candidate: Candidate, dossier: Dossier, page: str, keys: SigningKeys
) -> None:
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        (content / "dossier.json").write_bytes(dossier.canonical)
        (content / "dossier.md").write_text(dossier_markdown(dossier), encoding="utf-8")
        (content / PAGE).write_text(page, encoding="utf-8")
        sign_folder(content, Path(scratch) / SIGNATURE, keys)
        registry.upload(candidate.run, Path(scratch), dossier_place(dossier))


def _parse(content: bytes) -> Dossier:
    try:
        return Dossier.model_validate_json(content)
    except ValidationError as error:
        raise IntegrityError(
            "the dossier cannot be read", step=STEP, remedy="judge the candidate again"
        ) from error
