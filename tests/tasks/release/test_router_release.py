"""A router goes the way of a model: signed, judged, approved, promoted, verified, rolled back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_contracts.errors import InputError, IntegrityError
from model_registry.copies import verified_copy
from model_registry.gates import judge
from model_registry.part_files import ROUTER
from model_registry.policy import load_policy
from model_registry.promotion import promote, rollback
from model_registry.signing import SigningKeys
from model_registry.standing import read_champion
from model_registry.tracking import Registry, open_registry
from tasks.models.encoding import Encoder
from tasks.routing.model import Router, read_router
from tests.registry_fixtures import registry_fixtures
from tests.tasks.routing.length_router import length_router
from tests.tasks.routing.released import approved, registered, scorecard_of

_registry = registry_fixtures("registry_of_routers")
empty_database, keys = _registry.empty_database, _registry.keys
NAME = "desk-router"
ENCODER = Encoder()


@pytest.fixture
def registry(empty_database: Path, tmp_path: Path) -> Registry:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return open_registry(f"sqlite:///{tmp_path}/mlflow.db", f"file://{tmp_path}/artifacts")


def served_router(registry: Registry, keys: SigningKeys) -> Router:
    champion = read_champion(registry, NAME, "test")
    assert champion is not None
    with verified_copy(registry, champion, keys) as files:
        return read_router(files / ROUTER.folder)


def test_a_router_is_promoted_and_rolled_back(
    registry: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    one, other = length_router(ENCODER), length_router(ENCODER, threshold=0.2)
    first = approved(registry, keys, NAME, one, tmp_path / "one")
    assert first.tokenizer_digest == ENCODER.digest
    assert promote(registry, NAME, first.version, keys).moved
    assert served_router(registry, keys) == one
    digest = first.references["model"]
    second = approved(registry, keys, NAME, other, tmp_path / "other", champion=digest)
    assert promote(registry, NAME, second.version, keys).moved
    assert served_router(registry, keys) == other
    assert rollback(registry, NAME, "it sent too little", keys).moved
    assert served_router(registry, keys) == one


def test_a_router_that_was_changed_is_not_promoted(
    registry: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    candidate = approved(registry, keys, NAME, length_router(ENCODER), tmp_path / "one")
    folder = registry.folder_at(candidate.uri)
    assert folder is not None
    file = folder / ROUTER.folder / ROUTER.facts
    file.write_text(file.read_text().replace('"threshold": 0.0', '"threshold": -0.9'))
    with pytest.raises(IntegrityError):
        promote(registry, NAME, candidate.version, keys)
    assert read_champion(registry, NAME, "test") is None


def test_what_is_no_router_is_not_registered(
    registry: Registry, keys: SigningKeys, tmp_path: Path
) -> None:
    router = length_router(ENCODER)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "run.py").write_text("print()")
    with pytest.raises(InputError, match=r"run\.py is no file of a router"):
        registered(registry, keys, NAME, router, tmp_path)
    (tmp_path / "router.json").write_text('{"form": 1}')
    with pytest.raises(InputError, match="this is no router"):
        read_router(tmp_path)


@pytest.mark.parametrize(
    ("given", "gate"),
    [
        ({"quality_lost": (0.004, -0.02, 0.028)}, "answers stay as right"),
        ({"saved": (0.06, 0.03, 0.09)}, "it saves"),
        ({"area_over_random": (0.01, -0.001, 0.021)}, "better than random mixing"),
        ({"area_over_length": (0.0, -0.001, 0.001)}, "better than length alone"),
    ],
)
def test_the_policy_refuses_what_is_not_sure(
    given: dict[str, tuple[float, float, float]], gate: str
) -> None:
    verdict = judge(load_policy("routing"), scorecard_of({"candidate": "x"}, **given))
    assert [one.gate.id for one in verdict.gates if not one.passed] == [gate]
