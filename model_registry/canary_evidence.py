"""That a candidate passed a canary beside the champion: signed, and asked for by its policy.

Needs the candidate's run. Writes canary.json (what a promotion reads) and canary.md (the arms side
by side) with their signature below the run's artifacts, in a folder for each champion that it was
beside.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.candidates import Candidate
from model_registry.dossier import ChampionSeen, Dossier
from model_registry.policy import REQUIRED
from model_registry.signing import SigningKeys, sign_folder, verify_folder
from model_registry.tracking import Registry

STEP = "promote"
_PLACE, _RECORD, _PAGE, _SIGNATURE = "canary", "canary.json", "canary.md", "canary.sig"


class CanaryDueError(ContractError):
    """All say yes to a candidate, and it has yet to pass its canary."""


class CanaryPassed(Frozen):
    """A canary that went through all of its phases. `requests` are those that it answered."""

    candidate: str
    version: int
    digest: str
    champion: ChampionSeen
    began: AwareDatetime
    ended: AwareDatetime
    requests: int


def publish_canary(
    registry: Registry, candidate: Candidate, passed: CanaryPassed, page: str, keys: SigningKeys
) -> None:
    """Keep that a candidate passed its canary; `page` is what people read of it (Markdown)."""
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        (content / _RECORD).write_text(passed.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (content / _PAGE).write_text(f"{page}\n", encoding="utf-8")
        sign_folder(content, Path(scratch) / _SIGNATURE, keys)
        registry.upload(candidate.run, Path(scratch), _place(passed.champion.digest))


def require_canary(
    registry: Registry, candidate: Candidate, dossier: Dossier, keys: SigningKeys
) -> None:
    """Return if a candidate passed the canary that its policy asks for; CanaryDueError if not.

    The first release has no champion to stand beside, so none is asked for. IntegrityError if what
    is kept of one is not what was signed.
    """
    if dossier.canary != REQUIRED or dossier.champion is None:
        return
    passed = read_canary(registry, candidate, dossier.champion, keys)
    if passed is None:
        raise CanaryDueError(
            "its policy asks for a canary, and it passed none beside the champion of today",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy=f"`paddock canary start --name {candidate.model} --version {candidate.version}`"
            ", beside `paddock serve`, promotes it at its end",
        )


def read_canary(
    registry: Registry, candidate: Candidate, champion: ChampionSeen, keys: SigningKeys
) -> CanaryPassed | None:
    """Return what is kept of a candidate's canary beside a champion; None if there is none.

    IntegrityError if it is not what was signed, or is about something else.
    """
    place = _place(champion.digest)
    above = registry.artifact_uri(candidate.run, _PLACE)
    if place.rpartition("/")[2] not in registry.names_at(above):
        return None
    with registry.downloaded(registry.artifact_uri(candidate.run, place)) as folder:
        verify_folder(folder / "content", folder / _SIGNATURE, keys)
        try:
            passed = CanaryPassed.model_validate_json((folder / "content" / _RECORD).read_bytes())
        except (OSError, ValidationError):
            passed = None
    about = passed and (passed.candidate, passed.version, passed.digest, passed.champion.digest)
    if about != (candidate.name, candidate.version, candidate.digest, champion.digest):
        raise IntegrityError(
            "what is kept of its canary is about something else",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy="let it go through a canary again, and ask who changed the registry",
        )
    return passed


def _place(champion: str) -> str:
    return f"{_PLACE}/{champion[:16]}"
