"""The exact test of two shares, and the bound of their difference, beside what others compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, fisher_exact

from tasks.canary.shares import Events, chance_of_more, lower_end, most_above, upper_end

events = st.integers(1, 300).flatmap(lambda n: st.integers(0, n).map(lambda hits: Events(hits, n)))


@given(events, events)
def test_the_chance_is_fishers(one: Events, other: Events) -> None:
    table = [[one.hits, one.n - one.hits], [other.hits, other.n - other.hits]]
    known: Any = fisher_exact(table, alternative="greater")
    assert chance_of_more(one, other) == pytest.approx(known.pvalue, rel=1e-7)


@given(events, st.sampled_from([0.001, 0.02, 0.2]))
def test_a_shares_ends_are_clopper_and_pearsons(one: Events, tail: float) -> None:
    known = binomtest(one.hits, one.n).proportion_ci(1 - 2 * tail, method="exact")
    assert lower_end(one, tail) == pytest.approx(known.low, abs=1e-9)
    assert upper_end(one, tail) == pytest.approx(known.high, abs=1e-9)


@pytest.mark.parametrize(
    ("shares", "sizes"),
    [((0.08, 0.04), (400, 400)), ((0.01, 0.001), (900, 9000)), ((0.3, 0.3), (60, 200))],
)
def test_the_difference_is_beyond_its_bound_no_oftener_than_the_tail(
    shares: tuple[float, float], sizes: tuple[int, int]
) -> None:
    """Summed over all outcomes that are not all but impossible."""
    mass = [binom.pmf(np.arange(n + 1), n, share) for share, n in zip(shares, sizes, strict=True)]
    likely = [np.flatnonzero(one > 1e-7) for one in mass]
    beyond = sum(
        mass[0][i] * mass[1][j]
        for i in likely[0].tolist()
        for j in likely[1].tolist()
        if most_above(Events(i, sizes[0]), Events(j, sizes[1]), 0.025) < shares[0] - shares[1]
    )
    assert 0.002 < beyond <= 0.0255


def test_no_events_at_all_still_leave_a_bound() -> None:
    """995 requests without an error do not show that there are none (3 of 1,000 may be)."""
    assert most_above(Events(0, 995), Events(0, 995), 0.05) == pytest.approx(0.003, abs=2e-4)
    assert chance_of_more(Events(0, 995), Events(0, 995)) == 1
