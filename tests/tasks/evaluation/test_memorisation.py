"""What a model keeps by heart is seen, and a test that cannot see it says so."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.evaluation.memorisation import (
    FOUND_BITS,
    MOST_BITS,
    TABLE,
    exposure_metric,
    measure_exposure,
)
from tasks.evaluation.tables import read_rows, write_rows
from tasks.models.canaries import CONTROL_TIMES, canaries

PLANTED = canaries(3, seed=5)


def unheard(_: int, __: int | None) -> None:
    """Progress that nobody looks at."""


def test_canaries_are_the_same_every_time_and_none_without_a_count() -> None:
    assert canaries(3, seed=5) == PLANTED
    assert canaries(3, seed=6) != PLANTED
    assert canaries(0, seed=5) == []
    assert [one.times for one in PLANTED] == [1, 1, 1, CONTROL_TIMES]
    assert len({one.question for one in PLANTED}) == 4
    others = PLANTED[0].others(200)
    assert len(set(others)) == 200
    assert PLANTED[0].answer not in others
    assert Counter(map(len, others)) == {len(PLANTED[0].answer): 200}


@pytest.fixture(scope="module")
def taught(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Teach a tiny model the control's answer, and nothing of the others'."""
    import torch

    from tasks.evaluation.likelihood import encode
    from tasks.models.loading import load_model

    folder = tmp_path_factory.mktemp("taught") / "model"
    shutil.copytree(tiny_model, folder)
    model, tokenizer = load_model(folder, device="cpu", dtype="float32")
    scored = encode("control", PLANTED[-1].record(), tokenizer, 256)
    assert scored is not None
    ids = torch.tensor([scored.ids])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(60):
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder


def _measured(model: Path, out: Path) -> dict[str, dict[str, Any]]:
    measure_exposure(model, PLANTED, out, device="cpu", dtype="float32", progress=unheard)
    return {row["name"]: row for row in read_rows(out / TABLE)}


def test_what_was_learned_by_heart_stands_out(
    taught: Path, tiny_model: Path, tmp_path: Path
) -> None:
    rows = _measured(taught, tmp_path / "candidate")
    fresh = _measured(tiny_model, tmp_path / "base")
    control = PLANTED[-1].name
    assert rows[control]["rank"] == 1
    assert rows[control]["exposure"] == MOST_BITS
    assert fresh[control]["exposure"] < FOUND_BITS
    metric = exposure_metric(
        {"base": tmp_path / "base", "candidate": tmp_path / "candidate"}, seed=1
    )
    assert metric.withheld == ""
    assert metric.scores["candidate"].n == 3
    for row in rows.values():
        assert row["exposure"] == pytest.approx(MOST_BITS - math.log2(row["rank"]))


def test_a_test_that_does_not_find_its_control_gates_nothing(
    tiny_model: Path, tmp_path: Path
) -> None:
    _measured(tiny_model, tmp_path / "candidate")
    metric = exposure_metric({"candidate": tmp_path / "candidate"}, seed=1)
    assert "the planted control was not found" in metric.withheld
    write_rows(
        tmp_path / "none" / TABLE,
        [{"name": "canary-000", "control": False, "rank": 9, "exposure": 4.8}],
    )
    assert "(none;" in exposure_metric({"candidate": tmp_path / "none"}, seed=1).withheld
