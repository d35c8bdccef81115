from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, multinomial, norm, t

from model_registry.power.shares import paired_interval, share_interval


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 857-872, table I: the exact interval.
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_a_share_has_the_exact_interval(hits: int, n: int, low: float, high: float) -> None:
    found = share_interval(hits, n)
    assert [float(end) for end in found] == pytest.approx([low, high], abs=6e-5)


@pytest.mark.parametrize("n", [1, 5, 37, 200])
def test_a_share_is_held_as_often_as_is_said_wherever_the_truth_lies(n: int) -> None:
    hits, truths = np.arange(n + 1), np.linspace(0, 1, 301)[:, None]
    low, high = share_interval(hits, n)
    assert np.all(high > low)
    held = (binom.pmf(hits, n, truths) * ((low <= truths) & (truths <= high))).sum(axis=1)
    assert held.min() >= 0.95 - 1e-12


def test_a_paired_difference_has_the_wider_of_two_published_intervals() -> None:
    # Fagerlund, Lydersen and Laake (2014), Statistics in Medicine 33, 2850-2875: of 1 won
    # and 7 lost of 21 Tango's is -0.517 to -0.026, Bonett and Price's -0.508 to -0.013.
    low, high = (float(end) for end in paired_interval(1, 7, 21))
    middle, half = (-0.508 - 0.013) / 2, (0.508 - 0.013) / 2
    wider = half * t.ppf(0.975, 21) / norm.ppf(0.975)
    assert low == pytest.approx(min(-0.517, middle - wider), abs=1e-3)
    assert high == pytest.approx(max(-0.026, middle + wider), abs=1e-3)
    # Where nearly all agree with few changes Tango's is the wider one.
    low, high = (float(end) for end in paired_interval(0, 0, 20))
    assert (low, high) == pytest.approx((-0.1611, 0.1611), abs=1e-4)  # Wilson's, of 0 of 20


@pytest.mark.parametrize("n", [5, 8, 20, 60])
@pytest.mark.parametrize(
    "truth", [(0.0, 0.0), (0.05, 0.0), (0.0, 0.3), (0.98, 0.0), (0.06, 0.06), (0.44, 0.44)]
)
def test_a_paired_difference_is_held_as_often_as_is_said(
    n: int, truth: tuple[float, float]
) -> None:
    gains, losses = (grid.ravel() for grid in np.indices((n + 1, n + 1)))
    able = gains + losses <= n
    gains, losses = gains[able], losses[able]
    low, high = paired_interval(gains, losses, n)
    assert np.all(high > low)
    cells = np.stack([gains, losses, n - gains - losses], axis=1)
    likely = multinomial.pmf(cells, n, [*truth, 1 - sum(truth)])
    difference = truth[0] - truth[1]
    assert float(likely @ ((low <= difference) & (difference <= high))) >= 0.93


def test_many_pairs_are_as_each_alone() -> None:
    gains, losses = np.array([0, 3, 10, 0]), np.array([0, 1, 0, 10])
    low, high = paired_interval(gains, losses, 10)
    for place in range(4):
        alone = paired_interval(gains[place], losses[place], 10)
        assert (low[place], high[place]) == (float(alone[0]), float(alone[1]))
    assert np.all(high > low)
    assert (low[2], high[2]) == (pytest.approx(-high[3]), pytest.approx(-low[3]))
