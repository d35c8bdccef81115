"""What `reconcile` found of each model, kept for metrics: whether, and not in which words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ValidationError

from model_registry.reconciling import Reconciled
from tasks.storage.objects import ObjectStore

KEY = "registry/status.json"


class Looked(BaseModel):
    """A look at a model: when, whether something could not be put right, how many moves were."""

    at: AwareDatetime
    trouble: bool
    moves: int


class RegistryStatus(BaseModel):
    """The last look at each model."""

    models: dict[str, Looked] = {}


def read_registry_status(store: ObjectStore) -> RegistryStatus:
    """Return what the last looks found; nothing where nobody looked, or the record is torn."""
    try:
        return RegistryStatus.model_validate_json(store.read(KEY))
    except (FileNotFoundError, ValidationError):
        return RegistryStatus()


def keep_registry_status(store: ObjectStore, found: Sequence[Reconciled]) -> None:
    """Keep what a look found; of models that it did not look at, the earlier one stays."""
    now = datetime.now(UTC)
    looks = {
        one.name: Looked(at=now, trouble=bool(one.trouble), moves=len(one.moves)) for one in found
    }
    if looks:
        kept = RegistryStatus(models=read_registry_status(store).models | looks)
        store.write(KEY, kept.model_dump_json().encode())
