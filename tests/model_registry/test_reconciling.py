"""Aliases follow the ledger, whoever moved them; what no row explains is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from model_registry import promotion, releases
from model_registry.candidates import Candidate
from model_registry.promotion import promote, rollback
from model_registry.reconciling import reconcile
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing
from model_registry.tracking import Registry
from model_registry.versions import version_at


def _aliases(registry: Registry) -> tuple[int | None, int | None]:
    found = [version_at(registry, "desk", alias) for alias in ("champion", "previous")]
    first, second = (version.version if version else None for version in found)
    return first, second


def test_where_all_is_well_nothing_is_done(serving: Registry, keys: SigningKeys) -> None:
    found = reconcile(serving, "desk", keys)
    assert found.sentence == (
        "desk: version 2 is the champion, as row 2 of the ledger says; nothing was to do. The "
        "bytes are what it names."
    )
    assert (found.moves, found.trouble) == ((), "")
    assert reconcile(serving, "bells").sentence == "bells: the ledger has no release of it yet."


@pytest.mark.parametrize(
    ("alias", "version", "words"),
    [
        ("champion", "1", "it points at version 1"),
        ("champion", "", "alias champion was deleted outside Paddock"),
        ("previous", "2", "points at version 2, and a rollback goes to version 1"),
        ("previous", "", "points at nothing, and a rollback goes to version 1"),
    ],
)
def test_a_move_that_no_row_explains_is_told_and_put_back(
    serving: Registry, keys: SigningKeys, alias: str, version: str, words: str
) -> None:
    if version:
        serving.client.set_registered_model_alias("desk", alias, version)
    else:
        serving.client.delete_registered_model_alias("desk", alias)
    found = reconcile(serving, "desk")
    assert len(found.moves) == 1 and words in found.moves[0]
    assert words in found.sentence and "as row 2 says" in found.sentence
    assert _aliases(serving) == (2, 1)
    assert reconcile(serving, "desk").moves == ()
    assert rollback(serving, "desk", "worse", keys).version == 1


@pytest.mark.parametrize("step", ["point", "tag_model"])
def test_a_release_that_died_after_its_row_is_no_move(
    serving: Registry, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(releases, step, die)
    with pytest.raises(KeyboardInterrupt):
        promote(serving, "desk", 3, keys)
    monkeypatch.undo()
    standing = read_standing(serving, "desk")
    assert (standing.behind, standing.trouble) == (True, "")
    assert standing.champion is not None and standing.champion.version == 3
    found = reconcile(serving, "desk")
    assert (found.moves, found.trouble) == ((), "")
    assert "the aliases were behind the ledger: version 3 is the champion" in found.sentence
    assert _aliases(serving) == (3, 2)


def test_the_first_release_that_died_after_its_row_is_no_move(
    registry: Registry,
    approved: Callable[..., Candidate],
    keys: SigningKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    approved(registry, "a")
    monkeypatch.setattr(promotion, "project", _nothing)
    promote(registry, "desk", 1, keys)
    monkeypatch.undo()
    assert _aliases(registry) == (None, None)
    assert read_standing(registry, "desk").behind
    assert reconcile(registry, "desk").moves == ()
    assert _aliases(registry) == (1, None)


@pytest.mark.parametrize("deed", ["version", "model", "name"])
def test_what_aliases_cannot_mend_is_said_and_left(
    serving: Registry, keys: SigningKeys, deed: str
) -> None:
    if deed == "version":
        serving.client.delete_model_version("desk", "2")
    elif deed == "model":
        serving.client.delete_registered_model("desk")
    else:
        serving.client.rename_registered_model("desk", "desk-of-old")
    found = reconcile(serving, "desk")
    assert "nothing was moved" in found.sentence
    assert found.trouble and found.remedy
    assert _aliases(serving)[0] is None
    if deed == "name":
        serving.client.rename_registered_model("desk-of-old", "desk")
    else:
        promote(serving, "desk", 2, keys)
    assert reconcile(serving, "desk").trouble == ""


def test_bytes_that_were_changed_are_said(
    serving: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    uri = serving.client.get_model_version("desk", "1").source
    files = tmp_path / "home/mlflow-artifacts" / uri.removeprefix("mlflow-artifacts:/")
    (files / "model" / "config.json").write_text("{}")
    assert reconcile(serving, "desk").trouble == ""  # it reads no bytes unless it is told to
    found = reconcile(serving, "desk", keys)
    assert "Version 1: the signature does not hold" in found.sentence
    assert found.remedy


def _nothing(*_: object) -> None:
    """Take the place of what a release that died did not come to."""
