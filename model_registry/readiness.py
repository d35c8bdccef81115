"""What a registry must have ready before a training is worth its cost. Writes nothing.

All of it is used hours later: the experiments, the champion to compare with, and its files.
"""

from __future__ import annotations

from data_contracts.errors import IntegrityError
from model_registry.accounts.roles import EXPERIMENTS
from model_registry.accounts.seats import read_seated
from model_registry.candidates import FILES, SIGNATURE, SIGNATURE_NAME
from model_registry.part_files import PARTS
from model_registry.standing import read_champion
from model_registry.tracking import Registry

STEP = "registry"


def require_ready(registry: Registry, name: str) -> None:
    """Return if a candidate of this name can be registered, compared and released.

    ContractError if an experiment was deleted or keeps its files in a folder that is not there, if
    nobody made it ready for a server's accounts, or if the champion is not the recorded one;
    IntegrityError if the champion's files are not there.
    """
    read_seated(registry, name)
    for ending in EXPERIMENTS:
        registry.require_files(f"{name}{ending}")
    champion = read_champion(registry, name, STEP)
    if champion is None:
        return
    signature = registry.artifact_uri(champion.run, SIGNATURE)
    there = set(registry.names_at(champion.uri)) | set(registry.names_at(signature))
    if SIGNATURE_NAME not in there or not {"model", *(part.folder for part in PARTS)} & there:
        raise IntegrityError(
            f"the champion's {FILES} are not where the registry says",
            step=STEP,
            where=f"{name} version {champion.version}: {champion.uri}",
            remedy="see that the artifact store is where the settings say; what is gone from it, "
            "restore from a backup",
        )
