"""Verified bytes: a release's own copy of a candidate, and a version looked at before it serves.

Needs the candidate's signed files. Writes a version of `<name>` with bytes of its own.
"""

from __future__ import annotations

from data_contracts.digests import folder_digest
from data_contracts.errors import IntegrityError, PaddockError
from model_registry.candidates import FILES, Candidate, upload_files, verify_files
from model_registry.dossier import Dossier
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from model_registry.versions import Version, ensure_model, ensure_version, find_version

STEP = "promote"


def copy_candidate(
    registry: Registry,
    name: str,
    candidate: Candidate,
    dossier: Dossier,
    run: str,
    keys: SigningKeys,
) -> Version:
    """Verify a private copy of the candidate and store it as the release's own bytes."""
    found = find_version(registry, name, candidate.digest)
    if found is not None:
        if verify_version(registry, found, keys) != dossier.files_digest:
            raise _altered(found.name, found.version)
        return found
    with registry.downloaded(candidate.uri) as files:
        verify_files(registry, candidate.run, files, keys)
        if folder_digest(files) != dossier.files_digest or candidate.digest != dossier.digest:
            raise _altered(candidate.name, candidate.version)
        upload_files(registry, run, files, keys)
    ensure_model(registry, name, f"{name}: the versions that people approved.")
    tags = {
        **{key: value for key, value in candidate.tags.items() if key.startswith("paddock.")},
        "paddock.candidate_version": str(candidate.version),
    }
    text = f"Candidate version {candidate.version}, dossier `{dossier.identity}`."
    return ensure_version(registry, name, run, FILES, tags, text)


def verify_version(registry: Registry, version: Version, keys: SigningKeys) -> str:
    """Return the digest of a version's files, once their signature was seen to hold."""
    with registry.downloaded(version.uri) as files:
        verify_files(registry, version.run, files, keys)
        return folder_digest(files)


def _altered(name: str, version: int) -> PaddockError:
    return IntegrityError(
        "the files are not the ones that were approved",
        step=STEP,
        where=f"{name} version {version}",
        remedy="register and evaluate the model again, and ask who changed the registry",
    )
