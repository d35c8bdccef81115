"""Figures of confidence against formulas by hand, against scikit-learn and against the truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.evaluation.calibration import (
    Answers,
    auroc,
    bins_of,
    calibration_error,
    difference,
    estimate,
    expected_error,
)

Floats = NDArray[np.float64]


def drawn(
    n: int, chance: Callable[[Floats], Floats], seed: int = 0, spread: float = 2.0
) -> Answers:
    """Return answers whose confidence is Beta's, right with a chance that depends on it."""
    random = np.random.default_rng(seed)
    confidence = random.beta(spread, 2.0, n)
    return Answers(confidence, (random.random(n) < chance(confidence)).astype(float))


def same(confidence: Floats) -> Floats:
    return confidence


def squared(confidence: Floats) -> Floats:
    return confidence**2


def nearly_all(confidence: Floats) -> Floats:
    return 0 * confidence + 0.97


def test_the_error_is_the_debiased_one_over_bins_of_equally_many() -> None:
    confidence = np.array([0.9] * 20 + [0.3] * 20)
    right = np.array([1.0] * 12 + [0.0] * 8 + [1.0] * 4 + [0.0] * 16)
    answers = Answers(confidence, right)
    assert bins_of(answers).size.tolist() == [20, 20]
    # (.3 - .2)^2 - .2 * .8 / 19 and (.9 - .6)^2 - .6 * .4 / 19, each half of the answers.
    square = (0.01 - 0.16 / 19 + 0.09 - 0.24 / 19) / 2
    found = calibration_error(answers, seed=1, key="k")
    assert found.value == pytest.approx(math.sqrt(square))
    assert expected_error(bins_of(answers)) == pytest.approx((0.1 + 0.3) / 2)


def test_luck_is_taken_off_where_the_plain_error_is_mostly_luck() -> None:
    many = [drawn(150, same, seed) for seed in range(40)]
    plain = np.mean([expected_error(bins_of(answers)) for answers in many])
    ours = np.mean([calibration_error(answers, seed=0, key="k").value for answers in many])
    assert plain > 0.08 and ours < 0.045  # of a confidence that is exactly what it should be


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize(
    ("chance", "spread"),
    [(same, 2.0), (squared, 2.0), (nearly_all, 2.0), (same, 60.0)],
)
def test_intervals_hold_the_truth(
    n: int, chance: Callable[[Floats], Floats], spread: float
) -> None:
    many = drawn(200_000, chance, 9, spread)
    order = np.argsort(many.confidence).reshape(len(bins_of(drawn(n, same)).size), -1)
    gaps = many.confidence[order].mean(axis=1) - chance(many.confidence)[order].mean(axis=1)
    truth = math.sqrt(float((gaps**2).mean()))
    held = 0
    for seed in range(60):
        one = estimate(calibration_error(drawn(n, chance, seed, spread), seed=seed, key="k"), n)
        assert one.low is not None and one.high is not None
        held += one.low - 1e-9 <= truth <= one.high + 1e-9
    assert held >= 53  # of 60: fewer come by luck once in two hundred times, at 95%


def test_the_area_is_that_of_the_curve_with_ties_counting_half() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(3)
    for step in (0.25, 0.001):
        confidence = np.round(random.random(90) / step) * step
        right = (random.random(90) < 0.3 + 0.4 * confidence).astype(float)
        found = estimate(auroc(Answers(confidence, right), seed=1, key="k"), 90)
        assert found.value == pytest.approx(float(roc_auc_score(right, confidence)))
        assert found.low is not None and found.high is not None
        assert found.low < float(found.value or 0) < found.high


def test_what_cannot_be_told_has_no_figure_or_no_interval() -> None:
    confidence = np.linspace(0.1, 0.9, 40)
    every = estimate(auroc(Answers(confidence, np.ones(40)), seed=1, key="k"), 40)
    assert every.value is None and every.missing
    few = Answers(confidence, np.array([1.0] * 7 + [0.0] * 33))
    told = estimate(auroc(few, seed=1, key="k"), 40)
    assert told.value == 0.0 and told.low is None  # seven right ones are too few to resample
    assert estimate(auroc(Answers(confidence[:0], confidence[:0]), seed=1, key="k"), 0).missing
    one = estimate(calibration_error(Answers(confidence[:1], confidence[:1]), seed=1, key="k"), 1)
    assert one.value is None
    # All right and sure of it: small, and yet the interval says what 40 answers cannot rule out.
    sure = estimate(
        calibration_error(Answers(np.full(40, 0.999), np.ones(40)), seed=1, key="k"), 40
    )
    assert sure.value == pytest.approx(0.001) and sure.high is not None and sure.high > 0.05


def test_a_difference_is_of_the_same_resamples() -> None:
    one = drawn(300, lambda confidence: confidence**3, 1)
    other = Answers(one.confidence**3, one.right)  # the same answers, better calibrated
    first, second = (calibration_error(each, seed=4, key="k") for each in (one, other))
    apart = difference(first, second, 300)
    assert apart.value == pytest.approx(first.value - second.value)
    assert apart.low is not None and apart.low > 0.1
    areas = [auroc(each, seed=4, key="k") for each in (one, other)]
    none = difference(areas[0], areas[1], 300)
    assert none.value == 0.0 and none.low is None  # a cube changes no order
