from __future__ import annotations

import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import folder_digest
from data_contracts.snapshot.reading import SnapshotReport
from model_registry.scorecard import SHARE, Estimate, MetricResult, Scorecard
from tasks.models.loading import load_model
from tasks.release.assembly import Evidence, assemble, model_card


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, n=50)


def evidence(*, backwards: bool = False) -> Evidence:
    """Evidence whose every mapping can be put together in the other order."""

    def ordered(items: dict[str, Any]) -> dict[str, Any]:
        return dict(reversed(items.items())) if backwards else items

    metrics = {
        "desk_facts/accuracy": MetricResult(
            key="desk_facts/accuracy",
            unit=SHARE,
            higher_is_better=True,
            scores={"base": estimate(0.2), "candidate": estimate(0.8125)},
        ),
        "safety/refusals": MetricResult(
            key="safety/refusals",
            unit=SHARE,
            higher_is_better=True,
            scores={"candidate": estimate(math.nan)},
        ),
    }
    return Evidence(
        name="help-desk",
        base="smollm2-135m-instruct",
        training={
            "recipe": ordered({"method": "lora", "learning_rate": 0.001}),
            **ordered({"steps": 30, "tokens": 12345}),
            **ordered({"first_loss": 2.34567, "final_loss": 0.12345}),
            "notes": ("84 of 90 rows train; 6 left out", "weights are kept in float32"),
        },
        snapshot=SnapshotReport(
            kind="chat",
            sources={},
            rows_in=113,
            kept=100,
            quarantined={"bad UTF-8": 2, "too long": 1},
            duplicates=5,
            near_duplicates=3,
            contaminated=2,
            redacted=ordered({"EMAIL": 3, "PERSON": 4}),
            splits={"train": 90, "test": 10},
            characters=999,
        ),
        scorecard=Scorecard(
            models={"base": "b" * 64, "candidate": "c" * 64},
            eval_sets={},
            metrics=ordered(metrics),
            seed=7,
            resamples=100,
        ),
        references=ordered({"model": "m" * 64, "dataset": "d" * 64}),
    )


@pytest.fixture
def trained(tiny_model: Path, tmp_path: Path) -> Path:
    """What training leaves: a model that loads, an adapter's folder, and files of its own."""
    folder = tmp_path / "trained"
    shutil.copytree(tiny_model, folder / "model")
    (folder / "adapter").mkdir()
    (folder / "adapter/adapter_config.json").write_text("{}")
    (folder / "training.json").write_text("{}")
    return folder


def test_a_candidate_holds_its_model_adapter_card_and_references(
    trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assemble(trained, evidence(), out)
    names = {path.name for path in out.iterdir()}
    assert names == {"model", "adapter", "MODEL_CARD.md", "references.json"}
    for part in ("model", "adapter"):
        assert folder_digest(out / part) == folder_digest(trained / part)
    load_model(out / "model")
    assert json.loads((out / "references.json").read_text()) == evidence().references
    assert (out / "MODEL_CARD.md").read_text() == model_card(evidence())


def test_the_same_evidence_makes_the_same_bytes_in_whatever_order_it_comes(
    trained: Path, tmp_path: Path
) -> None:
    assemble(trained, evidence(), tmp_path / "one")
    assemble(trained, evidence(backwards=True), tmp_path / "two")
    assert folder_digest(tmp_path / "one") == folder_digest(tmp_path / "two")


def test_a_model_trained_in_full_has_no_adapter(trained: Path, tmp_path: Path) -> None:
    shutil.rmtree(trained / "adapter")
    assemble(trained, evidence(), tmp_path / "out")
    assert not (tmp_path / "out/adapter").exists()


def test_throwing_a_candidate_away_leaves_the_trained_model(trained: Path, tmp_path: Path) -> None:
    before = folder_digest(trained)
    assemble(trained, evidence(), tmp_path / "out")
    weights = "model/model.safetensors"
    assert (tmp_path / "out" / weights).samefile(trained / weights)  # no second copy of them
    shutil.rmtree(tmp_path / "out")
    assert folder_digest(trained) == before


def test_where_no_link_reaches_the_bytes_are_copied(trained: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == trained.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=memory) as place:
        assemble(trained, evidence(), Path(place) / "out")
        assert folder_digest(Path(place) / "out/model") == folder_digest(trained / "model")


def test_the_card_says_what_was_learned_from_what_and_how_well() -> None:
    card = model_card(evidence())
    assert card.startswith("# help-desk\n")
    assert "Fine-tuned from smollm2-135m-instruct (lora)" in card
    assert "100 records of kind chat (90 to train on), kept of 113 rows; 3 quarantined" in card
    assert "5 duplicates, 3 near-duplicates and 2 evaluation leaks dropped" in card
    assert "EMAIL 3, PERSON 4" in card and "surrogates" not in card
    other = evidence()
    drawn = other.snapshot.model_copy(update={"surrogates": {"PERSON": 4}})
    said = "For these of them another value of the same shape stands (surrogates): PERSON 4."
    assert said in model_card(other.model_copy(update={"snapshot": drawn}))
    assert "\n- 84 of 90 rows train; 6 left out\n- weights are kept in float32\n" in card
    assert "30 steps, 12345 tokens; loss 2.346 to 0.123" in card
    assert "| desk_facts/accuracy | 20.0% [10.0%, 30.0%] | 81.2% [71.2%, 91.2%] |" in card


def test_a_figure_that_could_not_be_computed_is_missing_in_the_card() -> None:
    assert "| safety/refusals | missing | missing |" in model_card(evidence())
