"""Tests that may be read at every tick: what an e-value must be, and how often it cries wolf."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom, nchypergeom_fisher

from tasks.canary.arms import Arms, Counts
from tasks.canary.policy import Stops
from tasks.canary.sequential import ERRORS, SLOW, TOO_MANY, Watch, above, more_than
from tasks.canary.shares import Events
from tasks.canary.stops import Evidence, watched

NEEDED = math.log(50)  # a chance of 2 %


@given(st.integers(1, 60), st.integers(1, 200), st.data())
def test_a_ticks_e_values_have_a_mean_of_one_under_what_they_doubt(
    n: int, m: int, data: st.DataObject
) -> None:
    events = data.draw(st.integers(1, n + m))
    x = np.arange(max(0, events - m), min(events, n) + 1)
    for odds, least in ((ERRORS, 1.0), (SLOW, 4.0)):
        chances = nchypergeom_fisher.pmf(x, n + m, n, events, least)
        values = [more_than(Events(k, n), Events(events - k, m), odds, least) for k in x.tolist()]
        assert chances @ np.exp(np.asarray(values, float)) == pytest.approx(1, abs=1e-6)


@given(st.integers(1, 80), st.integers(1, 80), st.floats(0.1, 0.9))
def test_less_than_what_is_doubted_makes_the_mean_less_than_one(
    n: int, m: int, odds: float
) -> None:
    events = min(n, m)
    x = np.arange(0, events + 1)
    chances = nchypergeom_fisher.pmf(x, n + m, n, events, odds)
    values = [more_than(Events(k, n), Events(events - k, m), ERRORS) for k in x.tolist()]
    assert (chances @ np.exp(np.asarray(values, float)) <= 1 + 1e-6).all()


def test_e_values_of_a_known_share_have_a_mean_of_one() -> None:
    x = np.arange(41)
    values = [above(Events(k, 40), 0.05, TOO_MANY) for k in x.tolist()]
    assert binom.pmf(x, 40, 0.05) @ np.exp(np.asarray(values, float)) == pytest.approx(1, abs=1e-6)


def hours(factor: float, seed: int) -> list[list[tuple[Events, Events]]]:
    """Return hours of ticks whose share of errors goes up and down through the hour."""
    draws = np.random.default_rng(seed)
    found: list[list[tuple[Events, Events]]] = []
    for _ in range(250):
        share = 0.02 * (1 + np.sin(np.arange(60) / 9)) + 0.001
        sizes = draws.poisson(17, 60), draws.poisson(300, 60)
        hits = draws.binomial(sizes[0], share * factor), draws.binomial(sizes[1], share)
        one, other = (
            list(map(Events, h.tolist(), n.tolist())) for h, n in zip(hits, sizes, strict=True)
        )
        found.append(list(zip(one, other, strict=True)))
    return found


def ever(ticks: Sequence[tuple[Events, Events]], watch: Watch | None = None) -> bool:
    watch, most = watch or Watch(), 0.0
    for one, other in ticks:
        watch = watch.after(more_than(one, other, ERRORS))
        most = max(most, watch.evidence)
    return most >= NEEDED


def test_identical_arms_are_rarely_stopped_though_every_tick_is_looked_at() -> None:
    stopped = sum(map(ever, hours(1, seed=3)))
    assert binom.sf(stopped - 1, 250, 0.02) > 0.001  # no more than 2 %


def test_four_times_the_errors_are_stopped() -> None:
    assert sum(map(ever, hours(4, seed=4))) >= 235


def test_a_version_that_turns_bad_after_a_good_day_is_stopped() -> None:
    """A single product over all ticks would be buried under the good ones."""
    good = [(Events(0, 17), Events(6, 300))] * 1440
    watch = Watch()
    for one, other in good:
        watch = watch.after(more_than(one, other, ERRORS))
    assert watch.evidence < 0
    assert ever([(Events(6, 17), Events(6, 300))] * 3, watch)


def test_the_mixture_has_a_mean_of_one_over_several_ticks() -> None:
    """All ways that three ticks with two events each can go."""
    n, m, events = 10, 30, 2
    chances = hypergeom.pmf(range(3), n + m, events, n)
    total = 0.0
    for way in itertools.product(range(3), repeat=3):
        watch = Watch()
        for k in way:
            watch = watch.after(more_than(Events(k, n), Events(events - k, m), ERRORS))
        total += math.prod(float(chances[k]) for k in way) * math.exp(watch.evidence)
    assert total == pytest.approx(1)


def test_a_tick_that_tells_nothing_changes_nothing() -> None:
    before = Watch().after(more_than(Events(1, 9), Events(1, 90), ERRORS))
    for one, other in ((0, 9), (0, 90)), ((3, 9), (0, 0)), ((0, 0), (5, 90)):
        assert before.after(more_than(Events(*one), Events(*other), ERRORS)) == before
    assert before.after(above(Events(0, 0), 0.05, TOO_MANY)) == before


def test_a_dead_version_is_certain_after_one_tick_and_large_counts_do_no_harm() -> None:
    dead = Watch().after(more_than(Events(16, 16), Events(0, 300), ERRORS))
    assert dead.evidence > math.log(1e6)
    huge = Watch().after(more_than(Events(60_000, 500_000), Events(60_000, 500_000), ERRORS))
    assert all(math.isfinite(log) for log in huge.sums)
    assert huge.evidence < 0


def test_what_is_slow_is_known_before_the_tick_that_is_counted_by_it() -> None:
    """If the tick's own answers said what is slow, its evidence would not be worth its name."""
    arm = Counts(requests=300, latency=(200, 80, 20))
    new, edges = Arms(baseline=arm, stable=arm, canary=arm), (100.0, 200.0)
    assert watched(Evidence(), Stops(), Arms(), new, edges).slow == Watch()
    assert watched(Evidence(), Stops(), new, new, edges).slow.ticks == 1


def test_the_likelihoods_are_those_of_the_noncentral_hypergeometric() -> None:
    found = more_than(Events(5, 30), Events(4, 200), ERRORS)
    assert found is not None
    for theta, log in zip(ERRORS, found, strict=True):
        likely = nchypergeom_fisher.logpmf(5, 230, 30, 9, theta)
        assert log == pytest.approx(likely - hypergeom.logpmf(5, 230, 9, 30))
