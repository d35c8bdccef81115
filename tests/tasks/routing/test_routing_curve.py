"""The curve, its areas and the threshold, on numbers that are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data_contracts.errors import InputError
from flows.routers.judging import difference_of
from model_registry.scorecard import Estimate
from tasks.routing.building import choose, fared
from tasks.routing.curve import (
    Columns,
    Prices,
    columns_of,
    curve,
    over_random,
    saved_share,
    shortest_first,
)
from tasks.routing.pairs import part_of, parted
from tests.tasks.routing.made_pairs import made_pairs


def columns(small: list[float], large: list[float], ratio: float = 0.25) -> Columns:
    n = len(small)
    return Columns(
        small=np.array(small),
        large=np.array(large),
        small_cost=np.full(n, ratio),
        large_cost=np.ones(n),
        group=np.arange(n),
    )


def test_a_curve_goes_from_the_large_model_alone_to_the_small_alone() -> None:
    four = columns([1, 1, 0, 0], [1, 1, 1, 0])
    best = curve(four, np.array([0, 1, 3, 2]))
    assert best.saved.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert best.quality.tolist() == [0.75, 0.75, 0.75, 0.75, 0.5]
    # Random mixing falls from .75 to .5; above it lie triangles of height .25 * s, and the end.
    assert over_random(best) == pytest.approx(0.25 * 0.75**2 / 2 + 0.25 * 0.1875 / 2)
    worst = curve(four, np.array([2, 0, 1, 3]))
    assert over_random(worst) == pytest.approx(-over_random(best))
    average = np.mean([over_random(curve(four, np.roll(np.arange(4), k))) for k in range(4)])
    assert average == pytest.approx(0, abs=1e-12)


def test_requests_that_are_drawn_twice_count_twice() -> None:
    some = columns([1, 0, 1, 0, 1], [1, 1, 0, 1, 1])
    order = np.array([4, 2, 0, 1, 3])
    times = np.array([[1, 1, 1, 1, 1], [2, 0, 1, 0, 2]])
    drawn = over_random(curve(some, order, times))
    twice = columns([1, 1, 1, 1, 1], [1, 1, 0, 1, 1])  # places 0, 0, 2, 4, 4
    assert drawn[0] == pytest.approx(over_random(curve(some, order)))
    assert drawn[1] == pytest.approx(over_random(curve(twice, np.array([3, 4, 2, 0, 1]))))
    sent = np.array([True, False, False, False, True])
    assert saved_share(some, sent, times).tolist() == pytest.approx([0.3, 0.6])


def test_an_answer_that_costs_more_at_the_small_model_counts_against_it() -> None:
    pairs = made_pairs(3)
    longer = [pairs[0].model_copy(update={"small_tokens": 200}), *pairs[1:]]
    found = columns_of(longer, [10, 10, 10], Prices(small=1, large=4))
    assert found.small_cost.tolist() == pytest.approx([210e-6, 30e-6, 30e-6])
    assert found.large_cost.tolist() == pytest.approx([120e-6] * 3)
    assert saved_share(found, np.array([True, False, False])) == pytest.approx(-90 / 360)
    assert curve(found, np.arange(3)).saved.min() < 0
    assert shortest_first([5, 3, 4]).tolist() == [1, 2, 0]


def test_the_threshold_saves_most_of_those_that_are_sure_to_lose_little() -> None:
    n = 1000
    scores = np.linspace(1, -1, n)
    right = np.ones(n)
    small = np.where(np.arange(n) < 600, 1.0, 0.0)  # as good for the first 600
    found = columns(small.tolist(), right.tolist())
    threshold, kept = choose(found, scores, 1.0, 7, difference_of)
    assert threshold is not None
    assert kept is not None and kept.lost_high <= 0.01
    assert 590 <= kept.small <= 610
    assert kept.saved == pytest.approx(0.75 * kept.small / n)
    loose = choose(found, scores, 20.0, 7, difference_of)[1]
    assert loose is not None and loose.small > 700
    # 40 requests cannot show that a point is not lost.
    few = columns([1.0] * 40, [1.0] * 40)
    assert choose(few, np.linspace(1, -1, 40), 1.0, 7, difference_of) == (None, None)
    # Where the small model costs as much nothing is worth it.
    assert choose(columns([1.0] * n, [1.0] * n, 1.0), scores, 1.0, 7, difference_of)[0] is None


def test_a_loss_without_an_interval_is_taken_for_the_worst() -> None:
    def unknown(one: object, other: object, seed: int, key: str) -> Estimate:
        return Estimate(value=0.0, low=None, high=None, n=2)

    kept = fared(columns([1, 1], [1, 1]), np.array([True, True]), 7, unknown)
    assert kept.lost_high == 1.0


def test_what_belongs_together_is_parted_together() -> None:
    pairs = made_pairs(600, twins=4)
    parts = parted(pairs)
    where = {name: {(pair.asked, pair.group) for pair in some} for name, some in parts.items()}
    assert not where["learn"] & where["held"]
    assert sum(map(len, parts.values())) == 600
    assert 330 < len(parts["learn"]) < 390
    assert all(part_of(pair) == part_of(pair.model_copy()) for pair in pairs[:20])
    with pytest.raises(InputError, match="99 requests that both models were asked are too few"):
        parted(made_pairs(99))
    one = [pair.model_copy(update={"asked": "a", "group": "g"}) for pair in pairs]
    with pytest.raises(InputError, match="none could be held out"):
        parted(one)
