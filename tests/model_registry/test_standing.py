"""What people delete, move and rename in MLflow: said in true words, with the right thing to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import ContractError, IntegrityError
from model_registry.ledger.book import Ledger
from model_registry.promotion import promote, promote_approved, rollback
from model_registry.reconciling import reconcile
from model_registry.signing import SigningKeys
from model_registry.standing import note_on_previous, read_champion, read_standing
from model_registry.tracking import Registry, open_registry
from model_registry.versions import list_versions, version_at
from tests.ledgers import execute

Deed = Callable[[Registry], object]


def _aliases(registry: Registry) -> tuple[int | None, int | None]:
    found = [version_at(registry, "desk", alias) for alias in ("champion", "previous")]
    first, second = (version.version if version else None for version in found)
    return first, second


def _delete_model(registry: Registry) -> None:
    registry.client.delete_registered_model("desk")


def _rename_model(registry: Registry) -> None:
    registry.client.rename_registered_model("desk", "desk-of-old")


def _delete_version(registry: Registry) -> None:
    registry.client.delete_model_version("desk", "2")


def _delete_all_versions(registry: Registry) -> None:
    for version in ("1", "2"):
        registry.client.delete_model_version("desk", version)


def _delete_alias(registry: Registry) -> None:
    registry.client.delete_registered_model_alias("desk", "champion")


def _move_alias(registry: Registry) -> None:
    registry.client.set_registered_model_alias("desk", "champion", "1")


def _make_version_again(registry: Registry) -> None:
    """Make version 2 anew, of another candidate's bytes under the champion's digest."""
    _delete_model(registry)
    other = registry.client.get_model_version("desk-candidate", "1")
    tags = {"paddock.digest": version_of_b(registry)}
    registry.client.create_registered_model("desk")
    for _ in range(2):
        registry.client.create_model_version("desk", other.source, other.run_id, tags=tags)
    registry.client.set_registered_model_alias("desk", "champion", "2")


def _edit_tag(registry: Registry) -> None:
    registry.client.set_model_version_tag("desk", "2", "paddock.digest", "0" * 64)


def version_of_b(registry: Registry) -> str:
    return registry.client.get_model_version("desk-candidate", "2").tags["paddock.digest"]


TROUBLE: list[tuple[Deed, str, str]] = [
    (_delete_model, "the registered model desk was deleted", "promote --name desk --version 2"),
    (_rename_model, "the registered model desk was renamed to desk-of-old", "back to desk"),
    (_delete_version, "that version was deleted", "--reason …` goes back to version 1"),
    (_delete_all_versions, "that version was deleted", "promote --name desk --version 2"),
    (
        _delete_alias,
        "the alias champion was deleted outside Paddock",
        "paddock reconcile --name desk",
    ),
    (
        _move_alias,
        "moved outside Paddock: it points at version 1, and the last",
        "paddock reconcile",
    ),
    (_make_version_again, "not what was released any more", "--version 2"),
    (_edit_tag, "not what was released any more", "--version 2"),
]


@pytest.mark.parametrize(("deed", "words", "remedy"), TROUBLE)
def test_nothing_is_taken_as_champion_that_no_release_made(
    serving: Registry, keys: SigningKeys, deed: Deed, words: str, remedy: str
) -> None:
    assert read_standing(serving, "desk").trouble == ""
    deed(serving)
    standing = read_standing(serving, "desk")
    assert words in standing.trouble
    assert remedy in standing.remedy
    with pytest.raises(ContractError, match="version"):
        read_champion(serving, "desk", "evaluate")
    before = _aliases(serving), [version.version for version in list_versions(serving, "desk")]
    poll = promote_approved(serving, "desk", keys)
    assert (poll.release, poll.trouble) == (None, standing.trouble)
    for version in (1, 3):  # what served before, and what was approved since
        with pytest.raises(ContractError, match="version"):
            promote(serving, "desk", version, keys)
    after = _aliases(serving), [version.version for version in list_versions(serving, "desk")]
    assert after == before


@pytest.mark.parametrize("deed", [_delete_version, _delete_alias])
def test_a_rollback_goes_to_the_previous_champion_all_the_same(
    serving: Registry, keys: SigningKeys, deed: Deed
) -> None:
    deed(serving)
    back = rollback(serving, "desk", "it was deleted", keys)
    assert (back.version, back.before) == (1, 2)
    assert _aliases(serving) == (1, None)
    assert read_standing(serving, "desk").trouble == ""


@pytest.mark.parametrize("deed", [_move_alias, _make_version_again])
def test_no_rollback_from_what_was_moved_outside(
    serving: Registry, keys: SigningKeys, deed: Deed
) -> None:
    deed(serving)
    before = _aliases(serving)
    with pytest.raises(ContractError, match=r"nothing to go back to: .*moved outside Paddock"):
        rollback(serving, "desk", "bad", keys)
    assert _aliases(serving) == before
    assert "paddock.rolled_back" not in list_versions(serving, "desk")[-1].tags


@pytest.mark.parametrize("deed", [_move_alias, _delete_alias])
def test_the_alias_is_put_back_without_a_release(
    serving: Registry, keys: SigningKeys, deed: Deed
) -> None:
    deed(serving)
    done = promote(serving, "desk", 2, keys)
    assert (done.moved, done.version) == (False, 2)
    assert "put back" in done.reason
    assert _aliases(serving) == (2, 1)
    assert len(serving.ledger.rows("desk")) == 2


@pytest.mark.parametrize("deed", [_delete_model, _delete_version, _delete_all_versions, _edit_tag])
def test_a_deleted_champion_is_made_again_from_its_candidate(
    serving: Registry, keys: SigningKeys, deed: Deed
) -> None:
    deed(serving)
    assert promote(serving, "desk", 2, keys).moved
    standing = read_standing(serving, "desk")
    assert standing.trouble == ""
    assert standing.champion is not None
    assert standing.champion.digest == version_of_b(serving)
    # And the work goes on: the candidate that was approved meanwhile is promoted.
    poll = promote_approved(serving, "desk", keys)
    assert poll.release is not None
    assert poll.release.digest != standing.champion.digest


def test_what_a_rollback_went_to_is_put_back_with_those_who_approved_it(
    serving: Registry, keys: SigningKeys
) -> None:
    rollback(serving, "desk", "worse", keys)
    serving.client.delete_model_version("desk", "1")
    assert promote(serving, "desk", 1, keys).moved
    first, *_, last = serving.ledger.rows("desk")
    assert (last.action, last.people) == ("put back", first.people)
    assert last.people


def test_a_renamed_model_is_not_made_twice(serving: Registry, keys: SigningKeys) -> None:
    _rename_model(serving)
    with pytest.raises(ContractError, match="renamed to desk-of-old"):
        promote(serving, "desk", 2, keys)
    serving.client.rename_registered_model("desk-of-old", "desk")
    assert read_standing(serving, "desk").trouble == ""


def test_an_alias_without_any_release_is_no_champion(
    registry: Registry, approved: Callable[..., object]
) -> None:
    approved(registry, "a")
    entry = registry.client.get_model_version("desk-candidate", "1")
    registry.client.create_registered_model("desk")
    registry.client.create_model_version("desk", entry.source, entry.run_id, tags=entry.tags)
    assert read_champion(registry, "desk", "drift") is None
    registry.client.set_registered_model_alias("desk", "champion", "1")
    with pytest.raises(ContractError, match=r"set outside Paddock: .* no release is recorded"):
        read_champion(registry, "desk", "drift")


def test_the_record_says_where_a_rollback_goes(serving: Registry, keys: SigningKeys) -> None:
    serving.client.delete_registered_model_alias("desk", "previous")
    standing = read_standing(serving, "desk")
    assert standing.trouble == ""
    assert "points at nothing, and a rollback goes to version 1" in note_on_previous(
        serving, standing
    )
    assert rollback(serving, "desk", "bad", keys).version == 1


def test_runs_of_releases_that_people_deleted_still_count(
    serving: Registry, keys: SigningKeys
) -> None:
    for run in serving.find_runs("desk-releases", {}):
        serving.client.delete_run(run)
    assert read_standing(serving, "desk").trouble == ""
    assert promote(serving, "desk", 3, keys).moved


@pytest.mark.parametrize("ending", ["-releases", "-promotions", "-candidates"])
def test_a_deleted_experiment_is_to_be_restored(
    serving: Registry, keys: SigningKeys, ending: str
) -> None:
    found = serving.client.get_experiment_by_name(f"desk{ending}").experiment_id
    serving.client.delete_experiment(found)
    with pytest.raises(ContractError) as refusal:
        serving.experiment(f"desk{ending}")
    assert refusal.value.what == f"the experiment desk{ending} was deleted: restore it"
    assert f"mlflow experiments restore --experiment-id {found}" in refusal.value.remedy
    if ending != "-candidates":
        with pytest.raises(ContractError, match="was deleted: restore it"):
            promote(serving, "desk", 3, keys)
    serving.client.restore_experiment(found)
    assert promote(serving, "desk", 3, keys).moved


def test_a_ledger_that_lost_rows_leaves_no_champion(
    serving: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    """Put back from an older backup: what MLflow has seen of it is not in it."""
    older = serving.ledger.rows("desk")[:1]
    book = tmp_path / "older.db"
    Ledger(f"sqlite:///{book}").append(*older)
    home = tmp_path / "home"
    registry = open_registry(
        serving.uri, f"file://{home}/mlflow-artifacts", ledger=f"sqlite:///{book}"
    )
    standing = read_standing(registry, "desk")
    assert "MLflow has seen row 2 of the ledger, which is not in it (it has 1)" in standing.trouble
    assert "give PADDOCK_LEDGER the address" in standing.remedy
    assert promote_approved(registry, "desk", keys).release is None
    for act in (
        lambda: promote(registry, "desk", 3, keys),
        lambda: rollback(registry, "desk", "bad", keys),
        lambda: read_champion(registry, "desk", "evaluate"),
    ):
        with pytest.raises(ContractError, match="MLflow has seen row 2"):
            act()
    assert _aliases(registry) == (2, 1)
    # Where there is no better one, a person says so, in MLflow.
    registry.client.delete_registered_model_tag("desk", "paddock.ledger")
    assert "moved outside Paddock" in read_standing(registry, "desk").trouble
    assert reconcile(registry, "desk").moves != ()
    assert _aliases(registry) == (1, None)
    assert read_standing(registry, "desk").trouble == ""


def test_a_ledger_of_somebody_else_is_not_taken_for_this_one(
    serving: Registry, approved: Callable[..., object], keys: SigningKeys, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    empty = open_registry(
        serving.uri, f"file://{home}/mlflow-artifacts", ledger=f"sqlite:///{tmp_path}/other.db"
    )
    assert "it has 0" in read_standing(empty, "desk").trouble
    with pytest.raises(ContractError, match="or it is another one"):
        promote(empty, "desk", 3, keys)
    assert empty.ledger.rows("desk") == ()


def test_a_changed_ledger_stops_everything(serving: Registry, keys: SigningKeys) -> None:
    """Row 56, its worst part: what cannot be trusted is named, and nothing moves."""
    address = serving.uri.replace("mlflow.db", "ledger.db")
    change = "UPDATE release_ledger SET digest = 'x' WHERE sequence = 1"
    execute(address, change, guarded=False)
    for act in (
        lambda: read_standing(serving, "desk"),
        lambda: promote(serving, "desk", 3, keys),
        lambda: rollback(serving, "desk", "bad", keys),
        lambda: reconcile(serving, "desk"),
    ):
        with pytest.raises(IntegrityError, match="row 1 of desk was changed"):
            act()
    assert _aliases(serving) == (2, 1)
