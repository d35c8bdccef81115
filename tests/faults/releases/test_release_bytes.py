"""Rows 49 and 50 of the faults: bytes of a candidate or of a champion are not what they were."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import IntegrityError
from model_registry.candidates import find_candidate
from model_registry.fetching import fetch
from model_registry.promotion import promote
from model_registry.reconciling import reconcile
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.versions import version_at
from tests.faults.releases.teams import Model


def _flip(files: Path) -> None:
    weights = files / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def _extra(files: Path) -> None:
    (files / "model" / "extra.json").write_text("{}")


def _missing(files: Path) -> None:
    (files / "references.json").unlink()


def _renamed(files: Path) -> None:
    (files / "references.json").rename(files / "reference.json")


def _hidden(files: Path) -> None:
    (files / "model" / ".git").mkdir()
    (files / "model" / ".git" / "config").write_text("x")


def _linked(files: Path) -> None:
    (files / "model" / "other.json").symlink_to("config.json")


HARMS = [_flip, _extra, _missing, _renamed, _hidden, _linked]


def test_row_49_a_signed_model_is_changed(model: Model, keys: SigningKeys, tmp_path: Path) -> None:
    """Or it is whole, and another key has signed it."""
    name, folder, others = model.name, tmp_path / "serving", ensure_keys(tmp_path / "others")
    with pytest.raises(IntegrityError):
        promote(model.promoter, name, 2, others)
    with pytest.raises(IntegrityError):
        fetch(model.serving, f"{name}@champion", folder, others)
    uris = [
        model.serving.client.get_model_version(*which).source
        for which in ((f"{name}-candidate", "2"), (name, "1"))
    ]
    for harm in HARMS:
        if harm is _linked and model.serving.folder_at(uris[0]) is None:
            continue  # a server's files come without links
        print(f"the files are {harm.__name__[1:]}")  # shown where this fails
        with model.harmed(uris[0], harm), pytest.raises(IntegrityError):
            promote(model.promoter, name, 2, keys)
        with model.harmed(uris[1], harm), pytest.raises(IntegrityError):
            fetch(model.serving, f"{name}@champion", folder, keys)
        assert not folder.exists()
    assert len(model.promoter.ledger.rows(name)) == 1
    assert _left_aside(model) == []
    # Nothing else was wrong with them.
    assert fetch(model.serving, f"{name}@champion", folder, keys).version == 1
    assert promote(model.promoter, name, 2, keys).moved


def _left_aside(model: Model) -> list[Path]:
    """Return what unfinished copies are beside the files of releases, where that is a folder."""
    champion = version_at(model.serving, model.name, "champion")
    folder = champion and model.serving.folder_at(champion.uri)
    return list(folder.parents[2].rglob("*.files.*")) if folder else []


def test_row_50_bytes_are_replaced_after_approval(
    model: Model, make_files: Callable[[str], Path], keys: SigningKeys, tmp_path: Path
) -> None:
    """By whoever may write a run, who logs an artifact into it."""
    name, folder = model.name, tmp_path / "serving"
    second = find_candidate(model.serving, name, 2)
    card = make_files("another") / "MODEL_CARD.md"
    with model.pipeline.downloaded(second.uri) as files:
        kept = (files / card.name).read_bytes()
        model.pipeline.upload(second.run, card, "files")
        with pytest.raises(IntegrityError, match="signature does not hold"):
            promote(model.promoter, name, 2, keys)
        assert len(model.promoter.ledger.rows(name)) == 1
        assert (files / card.name).read_bytes() == kept  # a copy, as it was
        model.pipeline.upload(second.run, files / card.name, "files")
    assert promote(model.promoter, name, 2, keys).moved
    fetch(model.serving, f"{name}@champion", folder, keys)
    shutil.rmtree(folder)
    champion = version_at(model.serving, name, "champion")
    assert champion is not None
    model.promoter.upload(champion.run, card, "files")
    with pytest.raises(IntegrityError, match="signature does not hold"):
        fetch(model.serving, f"{name}@champion", folder, keys)
    assert not folder.exists()
    assert "the signature does not hold" in reconcile(model.promoter, name, keys).trouble
