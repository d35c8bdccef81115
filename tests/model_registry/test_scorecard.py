from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from data_contracts.errors import InputError
from model_registry.scorecard import (
    PERPLEXITY,
    SHARE,
    Estimate,
    MetricResult,
    Scorecard,
    Unit,
    read_scorecard,
)


def scorecard(value: float) -> Scorecard:
    estimate = Estimate(value=value, low=0.1, high=float("inf"), n=4)
    metric = MetricResult(
        key="a/b", unit=SHARE, higher_is_better=True, scores={"candidate": estimate}
    )
    return Scorecard(
        models={"candidate": "c" * 64}, eval_sets={}, metrics={"a/b": metric}, seed=1, resamples=9
    )


def test_nan_and_infinity_survive_json_as_missing(tmp_path: Path) -> None:
    card = scorecard(float("nan"))
    (tmp_path / "scorecard.json").write_text(card.model_dump_json())
    read = read_scorecard(tmp_path / "scorecard.json")
    assert read == card
    estimate = read.metrics["a/b"].scores["candidate"]
    assert estimate.value is None and estimate.high is None and estimate.missing


def test_an_estimate_without_cases_is_missing() -> None:
    assert Estimate(value=0.5, low=0.4, high=0.6, n=0).missing
    assert not Estimate(value=0.5, low=0.4, high=0.6, n=1).missing


def test_values_are_frozen_and_strict() -> None:
    with pytest.raises(ValidationError):
        Estimate.model_validate({"value": 1, "low": 1, "high": 1, "n": 1, "extra": 1})
    with pytest.raises(ValidationError):
        MetricResult.model_validate(
            {"key": "k", "unit": "share", "higher_is_better": True, "scores": {"someone": {}}}
        )


@pytest.mark.parametrize("content", [None, b"", b"{", b"{}", b'{"models": 1}'])
def test_an_unreadable_scorecard_is_an_input_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_scorecard(path)


def test_a_scorecard_that_names_its_units_as_they_once_were_is_read() -> None:
    told = {"key": "k", "higher_is_better": True, "scores": {}}
    assert MetricResult.model_validate({**told, "unit": "share"}).unit == SHARE
    assert MetricResult.model_validate({**told, "unit": "perplexity"}).unit == PERPLEXITY


def test_figures_are_shown_in_their_unit() -> None:
    some = Estimate(value=0.5, low=0.25, high=0.75, n=9)
    assert some.shown(SHARE) == "50.0% [25.0%, 75.0%]"
    assert some.shown(SHARE, signed=True) == "+50.0 [+25.0, +75.0]"
    assert some.shown(Unit(name="seconds", mark=" s", digits=1)) == "0.5 s [0.2 s, 0.8 s]"
    assert Estimate(value=3.0, low=None, high=None, n=2).shown(PERPLEXITY) == "3.00 [no interval]"
    assert Estimate(value=None, low=None, high=None, n=0).shown(SHARE) == "missing"
