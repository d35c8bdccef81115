"""Takes a candidate's dossier along: a folder that is checked with the public key and no server.

Needs a Registry and a candidate with a dossier. Writes the folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from data_contracts.errors import InputError
from model_registry.candidates import Candidate
from model_registry.dossier import STEP, dossier_place, read_dossier, verify_dossier
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry


def export_dossier(registry: Registry, candidate: Candidate, keys: SigningKeys, out: Path) -> Path:
    """Write a candidate's current dossier with its page and signature into a new folder of `out`.

    InputError if it stands there already.
    """
    dossier = read_dossier(registry, candidate, keys)
    target = out / f"{candidate.name}-{candidate.version}-{dossier.identity[:16]}"
    if target.exists():
        raise InputError(
            "there is something of that name already",
            step=STEP,
            where=str(target),
            remedy="give another --out, or remove it",
        )
    with registry.downloaded(
        registry.artifact_uri(candidate.run, dossier_place(dossier))
    ) as folder:
        verify_dossier(folder, keys)
        shutil.copytree(folder, target)
    return target
