from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.evaluation.intervals import (
    mean_difference,
    mean_estimate,
    perplexity_difference,
    perplexity_estimate,
)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    scores = [1.0] * 60 + [0.0] * 40
    found = mean_estimate(scores, seed=1, key="a/b")
    half = 1.96 * math.sqrt(0.6 * 0.4 / 100)
    assert found.value == pytest.approx(0.6) and found.n == 100
    assert found.low == pytest.approx(0.6 - half, abs=0.02)
    assert found.high == pytest.approx(0.6 + half, abs=0.02)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        found = mean_estimate(random.binomial(1, 0.3, 80).tolist(), seed=trial, key="k")
        assert found.low is not None and found.high is not None
        hits += found.low <= 0.3 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_all_right_or_all_wrong_is_no_certainty() -> None:
    none, every = (mean_estimate([score] * 20, seed=1, key="k") for score in (0.0, 1.0))
    assert (none.value, none.low) == (0.0, 0.0) and none.high == pytest.approx(0.1611, abs=1e-4)
    assert (every.value, every.high) == (1.0, 1.0) and every.low == pytest.approx(0.8389, abs=1e-4)


def test_without_scores_the_figure_is_missing() -> None:
    assert mean_estimate([], seed=1, key="k").missing
    assert perplexity_estimate([], [], seed=1, key="k").missing


def test_the_same_seed_and_key_give_the_same_interval_and_others_do_not() -> None:
    scores = [0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.25] * 5
    one = mean_estimate(scores, seed=1, key="k")
    assert one == mean_estimate(scores, seed=1, key="k")
    assert one != mean_estimate(scores, seed=2, key="k")
    assert one != mean_estimate(scores, seed=1, key="other")


def test_a_paired_difference_knows_that_the_cases_are_the_same() -> None:
    random = np.random.default_rng(1)
    hard = random.binomial(1, 0.5, 100).astype(float)
    better = hard.copy()
    better[:10] = 1.0
    found = mean_difference(better.tolist(), hard.tolist(), seed=1, key="k")
    gain = float((better - hard).mean())
    assert found.value == pytest.approx(gain) and found.low is not None and found.low > 0
    assert found.high is not None
    assert found.high - found.low < 0.12  # unpaired, it would be 0.27 wide


def test_perplexity_weighs_tokens_and_its_difference_is_paired() -> None:
    nll, tokens = [2.0, 30.0, 8.0] * 20, [1.0, 9.0, 4.0] * 20
    found = perplexity_estimate(nll, tokens, seed=1, key="k")
    assert found.value == pytest.approx(math.exp(40 / 14))
    assert found.low is not None and found.high is not None
    assert found.low < math.exp(40 / 14) < found.high
    lower = [0.9 * x for x in nll]
    change = perplexity_difference(lower, nll, (tokens, tokens), seed=1, key="k")
    assert change.value == pytest.approx(math.exp(36 / 14) - math.exp(40 / 14))
    assert change.high is not None and change.high < 0


def test_an_infinite_perplexity_is_missing() -> None:
    assert perplexity_estimate([1e9], [1.0], seed=1, key="k").missing
