"""An index goes the way of a model: signed, judged, approved, promoted, verified, rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.digests import folder_digest
from data_contracts.errors import InputError, IntegrityError
from model_registry.approvals import record_decision, request_approval
from model_registry.candidates import Candidate
from model_registry.copies import verified_copy
from model_registry.part_files import INDEX, check_part_folder
from model_registry.promotion import promote, rollback
from model_registry.scorecard import SHARE, Estimate, MetricResult, Role, Scorecard
from model_registry.signing import SigningKeys
from model_registry.standing import read_champion
from model_registry.tracking import Registry, open_registry
from tasks.models.encoding import Encoder
from tasks.release.steps import judge_step, register_part_step
from tasks.retrieval.building import Asked, write_index
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.index import Index
from tests.documents import write_documents
from tests.registry_fixtures import registry_fixtures

_registry = registry_fixtures("registry_of_indexes")
empty_database, keys = _registry.empty_database, _registry.keys
NAME = "desk-index"
ENCODER = Encoder()


@pytest.fixture
def registry(empty_database: Path, tmp_path: Path) -> Registry:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return open_registry(f"sqlite:///{tmp_path}/mlflow.db", f"file://{tmp_path}/artifacts")


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two indexes as stages leave them, of another rope each."""
    found: dict[str, Path] = {}
    for mark in ("red", "blue"):
        folder = tmp_path_factory.mktemp(mark)
        rows = write_documents(folder / "rows", {"one": f"The {mark} rope costs 80 euros."})
        (folder / "index").mkdir()
        write_index(rows, Asked("a" * 64, Chunking()), ENCODER, folder / "index")
        (folder / "index" / "manifest.json").write_text("{}")  # the store's, and no part of it
        found[mark] = folder / "index"
    return found


def scorecard(models: dict[Role, str]) -> Scorecard:
    same = Estimate(value=0.0, low=-0.01, high=0.01, n=1000)
    metric = MetricResult(
        key="retrieval/recall_at_5",
        unit=SHARE,
        higher_is_better=True,
        scores={role: Estimate(value=0.98, low=0.97, high=0.99, n=1000) for role in models},
        differences={"candidate-champion": same} if "champion" in models else {},
    )
    return Scorecard(
        models=models, eval_sets={}, metrics={metric.key: metric}, seed=7, resamples=100
    )


def candidate_of(
    registry: Registry, keys: SigningKeys, index: Path, scratch: Path, encoder: str = ""
) -> Candidate:
    return register_part_step.fn(
        registry,
        keys,
        NAME,
        INDEX,
        index,
        encoder=encoder or ENCODER.digest,
        card="# An index\n",
        references={"model": folder_digest(index), "dataset": "a" * 64},
        scratch=scratch,
        tags={},
    )


@pytest.fixture
def approved(registry: Registry, keys: SigningKeys, tmp_path: Path) -> Callable[..., Candidate]:
    """Register, judge by the policy `retrieval`, and let its two seats approve."""

    def approve(index: Path, champion: Path | None = None) -> Candidate:
        candidate = candidate_of(registry, keys, index, tmp_path / "scratch")
        models: dict[Role, str] = {"candidate": folder_digest(index)}
        if champion:
            models["champion"] = folder_digest(champion)
        dossier = judge_step.fn(
            registry,
            keys,
            candidate,
            scorecard(models),
            "s" * 64,
            policy="retrieval",
            code_revision="r1",
            human_review=None,
            rated={},
            lost=None,
            asker=None,
        )
        assert dossier.verdict.passed
        request_approval(registry, NAME, dossier)
        for seat, person in (("quality", "ada"), ("safety", "grace")):
            record_decision(registry, NAME, dossier, approve=True, person=person, seat=seat)
        return candidate

    return approve


def served(registry: Registry, keys: SigningKeys) -> str:
    """Return what the index that serves answers, from bytes that were verified."""
    champion = read_champion(registry, NAME, "test")
    assert champion is not None
    with verified_copy(registry, champion, keys) as files:
        assert not (files / INDEX.folder / "manifest.json").exists()
        index = Index(files / INDEX.folder, ENCODER)
        return index.chunks([index.search("rope", 1)[0].place])[0].text


def test_an_index_is_promoted_and_rolled_back(
    registry: Registry,
    keys: SigningKeys,
    indexes: dict[str, Path],
    approved: Callable[..., Candidate],
) -> None:
    first = approved(indexes["red"])
    assert first.tokenizer_digest == ENCODER.digest
    assert promote(registry, NAME, first.version, keys).moved
    assert "red" in served(registry, keys)
    second = approved(indexes["blue"], champion=indexes["red"])
    assert promote(registry, NAME, second.version, keys).moved
    assert "blue" in served(registry, keys)
    assert rollback(registry, NAME, "it lost the red rope", keys).moved
    assert "red" in served(registry, keys)
    assert [row.action for row in registry.ledger.rows(NAME)] == ["promote", "promote", "rollback"]


def test_an_index_that_was_changed_is_not_promoted(
    registry: Registry,
    keys: SigningKeys,
    indexes: dict[str, Path],
    approved: Callable[..., Candidate],
) -> None:
    candidate = approved(indexes["red"])
    folder = registry.folder_at(candidate.uri)
    assert folder is not None
    vectors = folder / INDEX.folder / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"?")
    with pytest.raises(IntegrityError):
        promote(registry, NAME, candidate.version, keys)
    assert read_champion(registry, NAME, "test") is None


def test_what_is_no_index_is_not_registered(
    registry: Registry, keys: SigningKeys, indexes: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(IntegrityError, match="another encoder"):
        candidate_of(registry, keys, indexes["red"], tmp_path / "scratch", encoder="f" * 64)
    copy = tmp_path / "copy"
    shutil.copytree(indexes["red"], copy)
    (copy / "run.py").write_text("print()")
    with pytest.raises(InputError, match=r"run\.py is no file of an index"):
        candidate_of(registry, keys, copy, tmp_path / "scratch")
    (copy / "vectors.npy").unlink()
    with pytest.raises(InputError, match=r"vectors\.npy is missing"):
        check_part_folder(INDEX, copy)
