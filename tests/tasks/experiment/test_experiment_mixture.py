"""The test that holds at every look: against values by hand, and by what it promises."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tasks.experiment.mixture import half_width, p_value, variance_needed


def test_the_mixture_is_as_reckoned_by_hand() -> None:
    # V = τ² = 0.01, d = 0.3: ln L = ln(1/2) / 2 + 0.01 · 0.09 / (2 · 0.01 · 0.02) = 1.903426
    assert p_value(0.3, 0.01, 0.1) == pytest.approx(math.exp(-1.903426), rel=1e-6)
    # 0.01 · 0.02 / 0.01 · (2 ln 20 + ln 2) = 0.1336922
    assert half_width(0.01, 0.1, 0.05) == pytest.approx(math.sqrt(0.1336922), rel=1e-6)
    assert p_value(0.0, 0.01, 0.1) == 1.0


@pytest.mark.parametrize("variance", [1e-6, 1e-4, 0.3])
@pytest.mark.parametrize("effect", [0.01, 0.5])
def test_p_value_and_confidence_sequence_say_the_same(variance: float, effect: float) -> None:
    edge = half_width(variance, effect, 0.05)
    assert p_value(edge, variance, effect) == pytest.approx(0.05)
    assert p_value(edge * 1.01, variance, effect) < 0.05 < p_value(edge * 0.99, variance, effect)


def test_the_likelihood_ratio_has_mean_one_if_there_is_no_difference() -> None:
    variance, effect = 0.0004, 0.03
    at = np.linspace(-0.4, 0.4, 400_001)
    both = variance + effect**2
    ratio = np.sqrt(variance / both) * np.exp(effect**2 * at**2 / (2 * variance * both))
    density = np.exp(-(at**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    assert float((ratio * density).sum() * (at[1] - at[0])) == pytest.approx(1, abs=1e-4)
    p = p_value(0.07, variance, effect)
    assert p == pytest.approx(1 / float(np.interp(0.07, at, ratio)), rel=1e-6)
    assert p < 0.05


def test_the_variance_needed_shows_the_effect_in_eighty_of_a_hundred() -> None:
    for effect, alpha in ((0.02, 0.05), (0.1, 0.01)):
        variance = variance_needed(effect, alpha)
        beyond = (effect - half_width(variance, effect, alpha)) / math.sqrt(variance)
        assert NormalDist().cdf(beyond) == pytest.approx(0.8, abs=1e-6)
