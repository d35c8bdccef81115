"""That a candidate passed a canary beside the champion: signed, and asked for by its policy.

Needs the candidate's run. Writes canary.json (what a promotion reads) and canary.md (the arms side
by side) with their signature below the run's artifacts, in a folder for each champion that it was
beside.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.candidates import Candidate
from model_registry.dossier import ChampionSeen, Dossier
from model_registry.policy import NO_CANARY, REQUIRED
from model_registry.signed_notes import put_note, read_note
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry

STEP = "promote"


class CanaryDueError(ContractError):
    """All say yes to a candidate, and it has yet to pass its canary."""


class CanaryPassed(Frozen):
    """A canary that went through all of its phases. `requests` are those that it answered.

    `shadow` are recorded ones that it was asked beside them, to reach a least count.
    """

    candidate: str
    version: int
    digest: str
    champion: ChampionSeen
    began: AwareDatetime
    ended: AwareDatetime
    requests: int
    shadow: int = 0


def publish_canary(
    registry: Registry, candidate: Candidate, passed: CanaryPassed, page: str, keys: SigningKeys
) -> None:
    """Keep that a candidate passed its canary; `page` is what people read of it (Markdown)."""
    put_note(registry, candidate.run, _place(passed.champion.digest), passed, page, keys)


def require_canary(
    registry: Registry, candidate: Candidate, dossier: Dossier, keys: SigningKeys
) -> None:
    """Return if a candidate passed the canary that its policy asks for; CanaryDueError if not.

    The first release has no champion to stand beside, so none is asked for. IntegrityError if what
    is kept of one is not what was signed.
    """
    if dossier.canary == NO_CANARY or dossier.champion is None:
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
    if dossier.canary == REQUIRED and passed.shadow:
        raise CanaryDueError(
            "its policy asks for users' requests alone, and its canary was shown "
            f"{passed.shadow:,} recorded ones",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy='start its canary without --shadow, or say canary = "shadow" in the policy of '
            "the next candidate",
        )


def read_canary(
    registry: Registry, candidate: Candidate, champion: ChampionSeen, keys: SigningKeys
) -> CanaryPassed | None:
    """Return what is kept of a candidate's canary beside a champion; None if there is none.

    IntegrityError if it is not what was signed, or is about something else.
    """
    place = _place(champion.digest)
    passed, there = read_note(registry, candidate.run, place, CanaryPassed, keys)
    if not there:
        return None
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
    return f"canary/{champion[:16]}"
