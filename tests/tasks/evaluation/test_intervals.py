from __future__ import annotations

import math

import numpy as np
import pytest

from model_registry.power.shares import paired_interval
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
    assert (none.value, none.low) == (0.0, 0.0) and none.high == pytest.approx(0.1684, abs=1e-4)
    assert (every.value, every.high) == (1.0, 1.0) and every.low == pytest.approx(0.8316, abs=1e-4)


def test_a_share_has_the_exact_interval() -> None:
    found = mean_estimate([1.0] * 15 + [0.0] * 133, seed=1, key="k")
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I: 15 of 148.
    assert (found.low, found.high) == (pytest.approx(0.0578, 1e-3), pytest.approx(0.1617, 1e-3))


def test_a_difference_of_paired_shares_is_judged_by_what_was_won_and_lost() -> None:
    first = [1.0] * (12 + 20) + [0.0] * (3 + 15)
    second = [0.0] * 12 + [1.0] * 20 + [1.0] * 3 + [0.0] * 15
    found = mean_difference(first, second, seed=1, key="k")
    low, high = paired_interval(12, 3, 50)
    assert (found.value, found.low, found.high) == (pytest.approx(9 / 50), float(low), float(high))


@pytest.mark.parametrize("cases", [1, 2, 3, 5, 20, 500])
@pytest.mark.parametrize(("one", "other"), [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
def test_a_difference_over_cases_that_all_agree_is_no_certainty(
    cases: int, one: float, other: float
) -> None:
    found = mean_difference([one] * cases, [other] * cases, seed=1, key="k")
    low, high = found.low, found.high
    assert found.value == one - other and low is not None and high is not None
    assert -1 <= low <= one - other <= high <= 1
    assert high - low > 1 / (cases + 4)
    mirrored = mean_difference([other] * cases, [one] * cases, seed=1, key="k")
    assert (mirrored.low, mirrored.high) == (pytest.approx(-high), pytest.approx(-low))


def test_the_interval_of_a_paired_difference_holds_the_truth() -> None:
    random = np.random.default_rng(0)
    for cases in (5, 24):
        hits = 0
        for _ in range(200):
            kinds = random.choice([1.0, -1.0, 0.0], size=cases, p=[0.2, 0.05, 0.75])
            pairs = [(float(k > 0), float(k < 0)) for k in kinds]
            found = mean_difference([a for a, _ in pairs], [b for _, b in pairs], seed=1, key="k")
            assert found.low is not None and found.high is not None
            hits += found.low <= 0.15 <= found.high
        assert hits / 200 >= 0.93


@pytest.mark.parametrize("cases", [1, 2, 5, 7])
def test_a_continuous_figure_over_few_cases_has_no_interval(cases: int) -> None:
    values = [2.0 + 0.5 * n for n in range(cases)]
    found = [
        mean_estimate(values, seed=1, key="k", bounds=None),
        perplexity_estimate(values, [3.0] * cases, seed=1, key="k"),
        perplexity_difference(
            values, [9.0] * cases, ([3.0] * cases, [3.0] * cases), seed=1, key="k"
        ),
    ]
    assert all(f.value is not None and f.missing and f.n == cases for f in found)
    wide = mean_estimate([*values, 1.0, 4.0, 2.5, 3.0, 7.0, 0.5, 6.0], seed=1, key="k", bounds=None)
    assert not wide.missing


def test_a_continuous_figure_that_never_varies_has_no_interval() -> None:
    lengths = [float(n) for n in range(1, 21)]
    found = [
        mean_estimate([3.0] * 20, seed=1, key="k", bounds=None),
        perplexity_estimate([0.1 * n for n in lengths], lengths, seed=1, key="k"),
        perplexity_difference([5.0] * 9, [5.0] * 9, ([2.0] * 9, [2.0] * 9), seed=1, key="k"),
    ]
    assert all(f.value is not None and f.missing for f in found)


def test_a_bounded_figure_that_never_varies_may_still_do_so() -> None:
    found = mean_estimate([5.0] * 20, seed=1, key="k", bounds=(1.0, 5.0))
    assert (found.value, found.high) == (5.0, 5.0)
    assert found.low == pytest.approx(5 - 4 * 0.1684, abs=1e-3)
    same = mean_difference([4.0] * 20, [4.0] * 20, seed=1, key="k", bounds=(1.0, 5.0))
    assert (same.low, same.high) == (pytest.approx(-0.6737, 1e-3), pytest.approx(0.6737, 1e-3))


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
    better[:20] = 1.0
    found = mean_difference(better.tolist(), hard.tolist(), seed=1, key="k")
    gain = float((better - hard).mean())
    assert found.value == pytest.approx(gain) and found.low is not None and found.low > 0
    assert found.high is not None
    assert found.high - found.low < 0.16  # unpaired, it would be 0.27 wide


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
