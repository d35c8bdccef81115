"""Latency in buckets: merging them, and comparing two arms as if each request were known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from data_contracts.errors import InputError
from tasks.canary.latency import Histogram, geometric_edges, slower

EDGES = (10.0, 20.0, 40.0, 80.0)
counts = st.tuples(*[st.integers(0, 60)] * 5)
histograms = counts.map(lambda drawn: Histogram(edges=EDGES, counts=drawn))
filled = histograms.filter(lambda one: one.total > 0)
FINE = geometric_edges(50, 60_000)


def drawn(median: float, n: int, seed: int) -> Histogram:
    values = np.random.default_rng(seed).lognormal(math.log(median), 0.6, n)
    found = np.histogram(values, bins=[0, *FINE, np.inf])[0]
    return Histogram(edges=FINE, counts=tuple(found.tolist()))


def expanded(one: Histogram) -> list[int]:
    return [at for at, count in enumerate(one.counts) for _ in range(count)]


@given(histograms, histograms, histograms)
def test_merged_histograms_are_those_of_all_requests(
    a: Histogram, b: Histogram, c: Histogram
) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert sorted(expanded(a) + expanded(b)) == expanded(a + b)
    assert a + Histogram.empty(EDGES) == a


@given(filled, filled)
def test_mann_whitney_of_buckets_is_that_of_the_requests_themselves(
    one: Histogram, other: Histogram
) -> None:
    found = slower(one, other, 0.025)
    x, y = expanded(one), expanded(other)
    if len(set(x + y)) == 1:  # nothing differs: scipy says nan
        assert found.chance == 1
        return
    known = mannwhitneyu(x, y, alternative="greater", method="asymptotic")
    assert found.chance == pytest.approx(known.pvalue, rel=1e-9)
    assert found.above == pytest.approx(known.statistic / (len(x) * len(y)))


@given(filled, filled)
def test_the_ratio_lies_in_its_interval_and_turns_over_with_the_arms(
    one: Histogram, other: Histogram
) -> None:
    found, turned = slower(one, other, 0.01), slower(other, one, 0.01)
    assert found.low <= found.ratio <= found.high
    assert found.ratio * turned.ratio == pytest.approx(1)
    assert found.above + turned.above == pytest.approx(1)


@pytest.mark.parametrize("times", [0.8, 1.0, 1.2, 3.0])
def test_the_ratio_is_how_much_slower_the_requests_are(times: float) -> None:
    found = slower(drawn(2000 * times, 5000, 1), drawn(2000, 5000, 2), 0.025)
    assert found.ratio == pytest.approx(times, rel=0.04)


def test_the_ratios_interval_holds_the_truth_as_often_as_it_says() -> None:
    pairs = [(drawn(2400, 300, 2 * i), drawn(2000, 300, 2 * i + 1)) for i in range(300)]
    shifts = [slower(one, other, 0.05) for one, other in pairs]
    held = sum(shift.low <= 1.2 <= shift.high for shift in shifts)
    assert 0.85 <= held / 300 <= 0.95  # 90 % are meant


@settings(max_examples=50)
@given(filled, st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_that_holds_it(one: Histogram, share: float) -> None:
    found = one.quantile(share)
    at = one.edge_at(share)
    assert found is not None
    if at is None:
        assert found == EDGES[-1]
    else:
        assert ((0.0, *EDGES)[at]) <= found <= EDGES[at]


def test_without_requests_there_is_no_quantile() -> None:
    assert Histogram.empty(EDGES).quantile(0.5) is None


def test_other_buckets_cannot_be_joined_or_compared() -> None:
    one = Histogram(edges=EDGES, counts=(1, 1, 1, 1, 1))
    other = Histogram(edges=(10.0, 20.0), counts=(1, 1, 1))
    with pytest.raises(InputError, match="other buckets"):
        _ = one + other
    with pytest.raises(InputError, match="histogram_bucket_settings"):
        slower(one, other, 0.025)


@pytest.mark.parametrize(
    ("edges", "found"),
    [((10.0, 10.0), (1, 1, 1)), ((0.0, 10.0), (1, 1, 1)), ((10.0,), (1,)), ((10.0,), (1, -1))],
)
def test_what_is_no_histogram_is_refused(edges: tuple[float, ...], found: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"edges|count"):
        Histogram(edges=edges, counts=found)
