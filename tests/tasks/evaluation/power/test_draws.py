from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_registry.policy import Gate
from model_registry.power.least import Assumed
from model_registry.scorecard import PERPLEXITY, SHARE
from tasks.evaluation.intervals import perplexity_difference
from tasks.evaluation.power.draws import CELLS, Levels, Records, Shares, cells_of, draw, joint_cells
from tasks.evaluation.power.subjects import Group, Subject

GATE = Gate(id="g", metric="set/figure", rule="not_worse_than", value=0.1)


def subject(**changes: Any) -> Subject:
    told: dict[str, Any] = {
        "metric": "set/figure",
        "unit": SHARE,
        "higher_is_better": True,
        "assumed": Assumed(base=0.3, champion=0.8),
        "gates": (GATE,),
        "root": "champion",
    }
    return Subject(**{**told, **changes})


def total(cells: Any, **wanted: bool) -> float:
    kept = [
        all(
            {"root": root, "candidate": candidate, "other": other}[k] is v
            for k, v in wanted.items()
        )
        for root, candidate, other in CELLS
    ]
    return float(cells[kept].sum())


@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize("candidate", [0.8, 0.75, 0.5, 1.0])
def test_cells_have_the_levels_and_the_changes_that_are_asked(
    candidate: float, higher_is_better: bool
) -> None:
    levels = Levels(base=0.3, champion=0.8, candidate=candidate)
    cells = cells_of(subject(higher_is_better=higher_is_better), levels)
    good = [
        total(cells, root=True),
        total(cells, candidate=True),
        total(cells, other=True),
    ]
    wanted = [0.8, candidate, 0.3] if higher_is_better else [0.2, 1 - candidate, 0.7]
    assert good == pytest.approx(wanted)
    lost, won = (total(cells, root=r, candidate=not r) for r in (True, False))
    assert lost + won == pytest.approx(max(0.12, abs(candidate - 0.8)))


def test_where_there_is_no_room_fewer_answers_change() -> None:
    cells = cells_of(subject(), Levels(base=0.3, champion=0.98, candidate=0.98))
    assert total(cells, candidate=True) == pytest.approx(0.98)
    assert total(cells, root=True, candidate=False) == pytest.approx(0.02)


def test_figures_over_the_same_cases_share_their_luck_and_keep_their_own_chances() -> None:
    each = [
        cells_of(subject(), Levels(0.3, 0.8, 0.8)),
        cells_of(subject(higher_is_better=False), Levels(0.9, 0.1, 0.15)),
    ]
    joint = joint_cells(each)
    assert joint.sum() == pytest.approx(1)
    for axis, cells in enumerate(each):
        assert joint.sum(axis=1 - axis) == pytest.approx(cells)
    losses = [np.array([r and not c for r, c, _ in CELLS]) for _ in each]
    both = joint[np.ix_(*losses)].sum()
    assert both > 3 * each[0][losses[0]].sum() * each[1][losses[1]].sum()


def test_draws_come_out_as_their_cells_say() -> None:
    one = subject()
    group = Group("set", (one,), (((0,), 400),))
    levels = {"set/figure": Levels(0.3, 0.8, 0.75)}
    outcomes = draw(group, levels, 2000, np.random.default_rng(1))["set/figure"]
    assert isinstance(outcomes, Shares)
    won, lost = outcomes.changes("champion")
    assert (won - lost).mean() / 400 == pytest.approx(-0.05, abs=0.002)
    assert (won + lost).mean() / 400 == pytest.approx(0.12, abs=0.002)
    figures, which = outcomes.estimates("champion")
    first = figures[which[0]]
    assert first.n == 400 and first.value == pytest.approx((won[0] - lost[0]) / 400)
    against_base, _ = outcomes.estimates("base")
    values = [figure.value or 0.0 for figure in against_base]
    assert min(values) > 0.3 and max(values) < 0.6


def test_a_drawn_perplexity_has_the_interval_that_the_scorecard_would_give_it() -> None:
    one = subject(
        metric="held_out/perplexity",
        unit=PERPLEXITY,
        higher_is_better=False,
        assumed=Assumed(base=12, champion=6, changed=0.05, spread=0.5),
    )
    group = Group("held_out", (one,), (((0,), 60),))
    levels = {one.metric: Levels(12, 6, 6)}
    outcomes = draw(group, levels, 3, np.random.default_rng(1))[one.metric]
    assert isinstance(outcomes, Records)
    figures, _ = outcomes.estimates("champion")
    for place, found in enumerate(figures):
        own, other = (outcomes.columns[role][place].tolist() for role in ("candidate", "champion"))
        tokens = outcomes.tokens[place].tolist()
        product = perplexity_difference(own, other, (tokens, tokens), seed=0, key=one.metric)
        assert (found.value, found.low) == (
            pytest.approx(product.value),
            pytest.approx(product.low),
        )
        assert found.high == pytest.approx(product.high)
