"""A champion is taken out of service in a home, and on servers with logins by who may."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.errors import ContractError
from model_registry.candidates import list_candidates
from model_registry.fetching import fetch
from model_registry.promotion import promote, rollback
from model_registry.reconciling import reconcile
from model_registry.retiring import retire
from model_registry.signing import SigningKeys
from model_registry.versions import version_at
from tests.faults.releases.teams import Model


def test_nothing_serves_and_the_way_back_is_open(
    model: Model, keys: SigningKeys, tmp_path: Path
) -> None:
    name, promoter = model.name, model.promoter
    second = next(one for one in list_candidates(promoter, name) if one.version == 2)
    promote(promoter, name, second.version, keys)
    assert retire(promoter, name, "it invents prices").before == 2
    assert version_at(model.serving, name, "champion") is None
    with pytest.raises(ContractError, match="taken out of service"):
        fetch(model.serving, f"{name}@champion", tmp_path / "none", keys)
    assert reconcile(promoter, name, keys).sentence.startswith(f"{name}: nothing serves")
    assert rollback(promoter, name, "it was better", keys).version == 1
    assert promote(promoter, name, second.version, keys).version == 2
    champion = version_at(model.serving, name, "champion")
    assert champion and champion.version == 2
    assert not {"paddock.out_of_service", "paddock.rolled_back"} & set(champion.tags)
    fetch(model.serving, f"{name}@champion", tmp_path / "serving", keys)
