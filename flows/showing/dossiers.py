"""`paddock dossier`: a candidate's evidence as files, taken along and checked without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import InputError
from flows.asking.release_parameters import DossierParameters
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.candidates import find_candidate, list_candidates
from model_registry.dossier import PAGE, verify_dossier
from model_registry.dossier_export import export_dossier
from model_registry.gates import verdict_markdown
from model_registry.signing import SigningKeys


def export(workshop: Workshop, parameters: DossierParameters) -> str:
    """Write a candidate's current dossier into a folder, and say what is there."""
    name, registry = parameters.name, workshop.registry
    if parameters.version is not None:
        candidate = find_candidate(registry, name, parameters.version)
    elif candidates := list_candidates(registry, name):
        candidate = candidates[0]
    else:
        raise InputError(
            f"there is no candidate of {name}",
            step="dossier",
            remedy="`paddock run` makes one",
        )
    folder = export_dossier(registry, candidate, workshop.keys, Path(parameters.folder))
    return (
        f"{folder}: the page is content/{PAGE}. Whoever gets it checks it with\n"
        f"  paddock dossier verify --folder {folder} --key {workshop.keys.public.name}"
    )


def verify(folder: Path, key: str, settings: Settings) -> str:
    """Check an exported dossier with the public key, and say what it is and whether it holds."""
    public = Path(key) if key else settings.keys_folder / "signing.pub"
    if not public.is_file():
        raise InputError(
            "there is no public key to check with",
            step="dossier",
            where=str(public),
            remedy="give the signer's signing.pub with --key",
        )
    dossier = verify_dossier(folder, SigningKeys(public=public))
    expired = dossier.expired(datetime.now(UTC))
    return "\n".join(
        [
            f"The signature holds: {dossier.candidate} version {dossier.version}, dossier "
            f"{dossier.identity}.",
            f"Made {dossier.created}, {'EXPIRED' if expired else 'holds until'} {dossier.expires}.",
            "",
            verdict_markdown(dossier.verdict),
        ]
    )
