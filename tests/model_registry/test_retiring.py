"""A champion is taken out of service, and what can be done then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import ContractError
from model_registry import releases, retiring
from model_registry.candidates import Candidate
from model_registry.fetching import fetch
from model_registry.promotion import promote, promote_approved, rollback
from model_registry.reconciling import reconcile
from model_registry.retiring import retire
from model_registry.signing import SigningKeys
from model_registry.standing import read_champion, read_standing
from model_registry.tracking import Registry
from model_registry.versions import list_versions, version_at

Approve = Callable[..., Candidate]
Register = Callable[..., Candidate]
WHY = "it invents prices"


def _aliases(registry: Registry) -> tuple[int | None, int | None]:
    found = [version_at(registry, "desk", alias) for alias in ("champion", "previous")]
    first, second = (version.version if version else None for version in found)
    return first, second


def _tags(registry: Registry, version: int) -> dict[str, str]:
    (found,) = [one for one in list_versions(registry, "desk") if one.version == version]
    return found.tags


@pytest.fixture
def first(registry: Registry, approved: Approve, keys: SigningKeys) -> Candidate:
    """The candidate of a first champion, behind which there is none."""
    candidate = approved(registry, "a")
    promote(registry, "desk", candidate.version, keys)
    return candidate


@pytest.mark.usefixtures("first")
def test_a_first_champion_is_taken_out_of_service(
    registry: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    with pytest.raises(ContractError, match="no previous champion") as refused:
        rollback(registry, "desk", WHY, keys)
    assert "`paddock retire --name desk --reason" in refused.value.remedy
    done = retire(registry, "desk", WHY)
    assert (done.moved, done.version, done.before, done.row) == (True, 0, 1, 2)
    assert _aliases(registry) == (None, None)
    assert _tags(registry, 1)["paddock.out_of_service"] == WHY
    assert read_champion(registry, "desk", "evaluate") is None
    assert read_standing(registry, "desk").trouble == ""
    found = reconcile(registry, "desk", keys)
    assert found.sentence.startswith("desk: nothing serves, as row 2 of the ledger says; nothing")
    with pytest.raises(ContractError, match="taken out of service"):
        fetch(registry, "desk@champion", tmp_path / "serving", keys)
    fetch(registry, "desk/1", tmp_path / "kept", keys)  # what served can still be looked at
    with pytest.raises(ContractError, match="no champion to take out of service"):
        retire(registry, "desk", "twice by mistake")


def test_what_was_retired_serves_again_only_if_it_is_named(
    registry: Registry, first: Candidate, keys: SigningKeys
) -> None:
    retire(registry, "desk", WHY)
    assert promote_approved(registry, "desk", keys).release is None
    assert promote(registry, "desk", first.version, keys).moved
    assert _aliases(registry) == (1, None)
    assert "paddock.out_of_service" not in _tags(registry, 1)
    assert [row.action for row in registry.ledger.rows("desk")] == [
        "promote",
        "out of service",
        "promote",
    ]


def test_a_next_candidate_takes_the_place_of_nothing(
    registry: Registry, first: Candidate, approved: Approve, keys: SigningKeys
) -> None:
    late = approved(registry, "b", champion="model-a")
    retire(registry, "desk", WHY)
    with pytest.raises(ContractError, match="not the one it was compared with") as refused:
        promote(registry, "desk", late.version, keys)
    assert "judges it again" in refused.value.remedy
    better = approved(registry, "c")
    assert promote_approved(registry, "desk", keys).release is not None
    assert (_aliases(registry), better.version, first.version) == ((2, None), 3, 1)
    with pytest.raises(ContractError, match="no previous champion"):
        rollback(registry, "desk", "to what was retired", keys)


def test_the_previous_champion_stays_the_previous(serving: Registry, keys: SigningKeys) -> None:
    retire(serving, "desk", WHY)
    assert _aliases(serving) == (None, 1)
    with pytest.raises(ContractError, match="not the one it was compared with") as refused:
        promote(serving, "desk", 2, keys)  # it was judged beside version 1, which is not there
    assert "goes back to version 1, with which it was compared" in refused.value.remedy
    assert rollback(serving, "desk", "it was better", keys).version == 1
    assert promote(serving, "desk", 2, keys).moved
    assert _aliases(serving) == (2, 1)
    assert reconcile(serving, "desk", keys).trouble == ""


def test_a_rollback_is_taken_forward_again(serving: Registry, keys: SigningKeys) -> None:
    rollback(serving, "desk", "it was slow", keys)
    assert _tags(serving, 2)["paddock.rolled_back"] == "it was slow"
    again = promote(serving, "desk", 2, keys)
    assert (again.moved, again.version, again.before) == (True, 2, 1)
    assert "paddock.rolled_back" not in _tags(serving, 2)
    row = serving.ledger.rows("desk")[-1]
    assert [(one.seat, one.person) for one in row.people] == [("release", "ada")]
    assert rollback(serving, "desk", "it is slow", keys).version == 1


@pytest.mark.parametrize("step", ["append", "project", "point", "tag_version", "tag_model"])
@pytest.mark.parametrize("after", [False, True])
def test_one_that_died_is_finished_not_doubled(
    registry: Registry,
    first: Candidate,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    place = retiring if step in ("append", "project") else releases
    real = getattr(place, step)

    def die(*arguments: object, **options: object) -> None:
        if after:
            real(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(place, step, die)
    with pytest.raises(KeyboardInterrupt):
        retire(registry, "desk", WHY)
    monkeypatch.undo()
    try:
        assert retire(registry, "desk", WHY).before == 1
    except ContractError as done:  # all was done but the answer
        assert "no champion to take out of service" in done.what
    assert _aliases(registry) == (None, None)
    assert [row.version for row in registry.ledger.rows("desk")] == [first.version, None]


def test_it_goes_where_the_version_was_deleted_and_not_where_an_alias_was_moved(
    serving: Registry,
) -> None:
    serving.client.set_registered_model_alias("desk", "champion", "1")
    with pytest.raises(ContractError, match="moved outside Paddock") as refused:
        retire(serving, "desk", WHY)
    assert "paddock reconcile" in refused.value.remedy
    reconcile(serving, "desk")
    serving.client.delete_model_version("desk", "2")
    assert retire(serving, "desk", WHY).before == 2
    assert read_standing(serving, "desk").trouble == ""


def test_the_registered_model_may_be_deleted_afterwards(
    registry: Registry, first: Candidate, keys: SigningKeys
) -> None:
    retire(registry, "desk", WHY)
    registry.client.delete_registered_model("desk")
    assert reconcile(registry, "desk").sentence.endswith("nothing was to do.")
    with pytest.raises(ContractError, match="no champion to take out of service"):
        retire(registry, "desk", "again")
    assert promote(registry, "desk", first.version, keys).moved


def test_a_deleted_model_has_nothing_to_retire(serving: Registry) -> None:
    serving.client.delete_registered_model("desk")
    with pytest.raises(ContractError, match="registered model desk was deleted") as refused:
        retire(serving, "desk", WHY)
    assert "paddock promote --name desk --version 2" in refused.value.remedy
