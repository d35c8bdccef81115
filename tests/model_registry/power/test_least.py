"""The formula's number of cases against the chance that it promises, summed over every outcome."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from model_registry.power.least import FEWEST, Planned
from model_registry.power.shares import paired_interval, share_interval
from model_registry.rules.listing import RULES

PLANNED = Planned(
    limit=0.1,
    on_bound=True,
    higher_is_better=True,
    reference=None,
    candidate=None,
    changed=0.12,
    power=0.9,
)


def chance(n: int, margin: float, changed: float) -> float:
    """Return the chance that an equal candidate's interval is clear of the margin."""
    gains, losses = (grid.ravel() for grid in np.indices((n // 3, n // 3)))
    likely = multinomial.pmf(
        np.stack([gains, losses, n - gains - losses], axis=1),
        n,
        [changed / 2, changed / 2, 1 - changed],
    )
    likely_enough = likely > 1e-9
    low, _ = paired_interval(gains[likely_enough], losses[likely_enough], n)
    return float(likely[likely_enough] @ (low > -margin))


@pytest.mark.parametrize(("margin", "changed"), [(0.1, 0.12), (0.067, 0.12), (0.05, 0.05)])
def test_an_equal_candidate_passes_a_margin_with_the_power_from_the_least_cases_on(
    margin: float, changed: float
) -> None:
    least = RULES["not_worse_than"].least(replace(PLANNED, limit=margin, changed=changed))
    assert least is not None
    assert 0.88 <= chance(least, margin, changed) <= 0.93
    assert chance(int(0.7 * least), margin, changed) < 0.85


def test_what_the_demo_had() -> None:
    """At 58 questions and a margin of .10, 12% changed, an equal candidate passes about half."""
    assert 0.5 < chance(58, 0.1, 0.12) < 0.65


def test_a_ceiling_needs_so_many_cases_that_none_bad_is_enough() -> None:
    for limit in (0.01, 0.0125, 0.2):
        least = RULES["max"].least(replace(PLANNED, limit=limit))
        assert least is not None
        assert share_interval(0, least)[1] <= limit < share_interval(0, least - 1)[1]
    assert RULES["max"].least(replace(PLANNED, limit=0.01)) == 368
    assert RULES["max"].least(replace(PLANNED, limit=0.0)) is None
    assert RULES["min"].least(replace(PLANNED, limit=1.0)) is None
    assert RULES["max"].least(replace(PLANNED, limit=1.0)) == 1


def test_a_floor_is_reached_with_the_power_by_a_candidate_of_the_level_that_is_assumed() -> None:
    least = RULES["min"].least(replace(PLANNED, limit=0.6, candidate=0.8))
    assert least is not None
    hits = np.arange(least + 1)
    passes = share_interval(hits, least)[0] >= 0.6
    assert 0.8 <= float(binom.pmf(hits, least, 0.8) @ passes) <= 0.96


@pytest.mark.parametrize("gain", [0.0, 0.3, 0.8])
def test_below_the_least_cases_not_even_the_best_outcome_shows_a_gain(gain: float) -> None:
    least = RULES["improves_by"].least(replace(PLANNED, limit=gain))
    assert least is not None
    assert paired_interval(least, 0, least)[0] > gain
    assert paired_interval(least - 1, 0, least - 1)[0] <= gain


def test_no_number_of_cases_shows_more_than_everything() -> None:
    assert RULES["improves_by"].least(replace(PLANNED, limit=1.0)) is None


def test_a_figure_that_is_no_share_needs_its_deviation() -> None:
    other = replace(PLANNED, share=False)
    rule = RULES["not_worse_than"]
    assert rule.least(other) == FEWEST
    # (1.96 + 1.2816)^2 (0.5 / 0.1)^2
    assert rule.least(replace(other, deviation=0.5)) == 263
    assert rule.least(replace(other, deviation=0.001)) == FEWEST


def test_a_gate_on_the_figure_itself_asks_for_the_power_alone() -> None:
    on_value = replace(PLANNED, on_bound=False)
    least = RULES["not_worse_than"].least(on_value)
    assert least == 20  # (1.2816 sqrt(.12) / .1)^2
    assert RULES["max"].least(replace(on_value, limit=0.0)) == 1


def test_without_power_only_what_is_possible_counts() -> None:
    least = RULES["not_worse_than"].least(replace(PLANNED, power=0.0))
    assert least is not None and least < 10


@pytest.mark.parametrize(
    ("rule", "edge"), [("not_worse_than", 0.7), ("improves_by", 0.9), ("min", 0.1)]
)
def test_the_edge_is_the_level_that_is_just_not_good_enough(rule: str, edge: float) -> None:
    assert RULES[rule].edge(replace(PLANNED, reference=0.8)) == pytest.approx(edge)
    less = replace(PLANNED, reference=0.2, higher_is_better=False)
    mirrored = edge if rule == "min" else 1 - edge
    assert RULES[rule].edge(less) == pytest.approx(mirrored)
