"""That a version's weights in fewer bits were compared with the version that people approved.

Needs the candidate's run, whose bytes a release serves. Writes variants.json (what a serving reads)
and variants.md (the figures side by side), signed, in a folder for each way to keep weights.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.candidates import Candidate, candidate_name, candidate_of
from model_registry.gates import State
from model_registry.signed_notes import put_note, read_note
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from model_registry.versions import find_version

STEP = "serve"


class VariantJudged(Frozen):
    """A variant beside the version that it was made of; `scorecard` is the comparison's digest.

    `file_bytes` is its GGUF file's size, `peak_bytes` the most memory its engine took; seconds are
    from the start of the engine until it took requests; tokens/s are of one client, and of four.
    Measured on the machine where it was compared.
    """

    candidate: str
    version: int
    digest: str
    weights: str
    verdict: State
    policy: str
    policy_digest: str
    scorecard: str
    judged: AwareDatetime
    file_bytes: int
    peak_bytes: int
    cold_seconds: float
    tokens_per_second: float
    tokens_per_second_of_four: float


def publish_variant(
    registry: Registry, candidate: Candidate, judged: VariantJudged, page: str, keys: SigningKeys
) -> None:
    """Keep what was found of a variant, in the stead of what was found before."""
    put_note(registry, candidate.run, _place(judged.weights), judged, page, keys)


def require_variant(
    registry: Registry, name: str, digest: str, weights: str, keys: SigningKeys
) -> VariantJudged:
    """Return what lets the version of these bytes serve with its weights kept so.

    ContractError if nobody compared it, or it passed not. IntegrityError if what is kept is not
    what was signed, or is about something else.
    """
    version = find_version(registry, candidate_name(name), digest)
    where = f"{name}, weights {weights}"
    judged, there = None, False
    if version:
        judged, there = read_note(registry, version.run, _place(weights), VariantJudged, keys)
    if not there:
        raise ContractError(
            "its weights would be kept in a way that nobody compared with the version people "
            "approved",
            step=STEP,
            where=where,
            remedy=f"`paddock compress --name {name} --weights {weights}` compares it",
        )
    if not (version and judged) or judged.digest != digest or judged.weights != weights:
        raise IntegrityError(
            "what is kept of its comparison is about something else",
            step=STEP,
            where=where,
            remedy="compare it again, and ask who changed the registry",
        )
    if judged.verdict != "passed":
        raise ContractError(
            f"its weights in fewer bits did not pass ({judged.verdict})",
            step=STEP,
            where=f"{candidate_of(version).name} version {version.version}, {weights}",
            remedy="name one of those that passed as the engine's weights",
        )
    return judged


def _place(weights: str) -> str:
    return f"variants/{weights}"
