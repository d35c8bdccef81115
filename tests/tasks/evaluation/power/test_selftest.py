"""The self-test against arithmetic that can be done apart, and policies that must fail it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from data_contracts.errors import InputError
from eval_sets.loading import load_eval_set
from model_registry.policy import Policy
from model_registry.power.shares import paired_interval, share_interval
from tasks.evaluation.power.chances import Simulation
from tasks.evaluation.power.curtailment import asked_before_decided
from tasks.evaluation.power.selftest import run_selftest
from tasks.evaluation.power.subjects import Group, groups_of
from tasks.evaluation.power.table import power_of

MARGIN: dict[str, Any] = {
    "id": "no worse",
    "metric": "s/a",
    "rule": "not_worse_than",
    "value": 0.07,
}
FLOOR: dict[str, Any] = {"id": "good", "metric": "s/a", "rule": "min", "value": 0.6}


def simulation(*gates: dict[str, Any], cases: int, draws: int = 3000, **policy: Any) -> Simulation:
    levels = {"base": 0.1, "champion": 0.8}
    told = Policy.model_validate(
        {"name": "p", "gates": gates, "assumed": {"s/a": levels}, "power": 0.0, **policy}
    )
    from tasks.evaluation.metrics.scorer import Figure
    from tasks.evaluation.power import subjects

    figures = {"a": Figure("a", higher_is_better=True)}
    one = subjects._subject(told, "s/a", figures)  # pyright: ignore[reportPrivateUsage]
    return Simulation(told, [Group("s", (one,), (((0,), cases),))], draws, 3)


def exact(n: int, margin: float, won: float, lost: float) -> float:
    gains, losses = (grid.ravel() for grid in np.indices((n // 3, n // 3)))
    cells = np.stack([gains, losses, n - gains - losses], axis=1)
    likely = multinomial.pmf(cells, n, [won, lost, 1 - won - lost])
    kept = likely > 1e-9
    low, _ = paired_interval(gains[kept], losses[kept], n)
    return float(likely[kept] @ (low > -margin))


def test_the_chances_are_those_of_every_outcome_summed() -> None:
    found = run_selftest(simulation(MARGIN, cases=300), looks=1)
    assert 1 - found.refused == pytest.approx(exact(300, 0.07, 0.06, 0.06), abs=0.02)
    (limit,) = found.at_limit
    assert limit.level == pytest.approx(0.73)
    assert limit.alone == pytest.approx(exact(300, 0.07, 0.025, 0.095), abs=0.01)
    (dropped,) = found.dropped
    assert 1 - dropped.caught == pytest.approx(exact(300, 0.07, 0.035, 0.085), abs=0.02)


def test_more_looks_give_a_candidate_at_the_limit_more_chances() -> None:
    once, thrice = (run_selftest(simulation(MARGIN, cases=300), looks=n) for n in (1, 3))
    one, three = once.at_limit[0].policy, thrice.at_limit[0].policy
    assert three == pytest.approx(1 - (1 - one) ** 3)


def test_a_policy_with_too_few_cases_for_its_margin_fails_its_own_test() -> None:
    """As the demo's was: 58 questions, and a margin of .10."""
    found = run_selftest(simulation({**MARGIN, "value": 0.1}, cases=58), looks=1)
    assert 0.4 < found.refused < 0.6
    assert any("equally good candidate is refused" in fault for fault in found.faults)


def test_a_policy_with_too_wide_a_margin_fails_its_own_test() -> None:
    found = run_selftest(simulation({**MARGIN, "value": 0.2}, cases=450), looks=1)
    assert found.refused < 0.1
    assert any("s/a of 0.75 is refused in" in fault for fault in found.faults)


def test_a_policy_that_judges_the_figure_itself_fails_its_own_test() -> None:
    found = run_selftest(simulation({**FLOOR, "on": "value"}, MARGIN, cases=450), looks=1)
    loose = next(one for one in found.at_limit if one.gate == "good")
    assert 0.4 < loose.alone < 0.6  # as often as not
    alone = run_selftest(simulation({**FLOOR, "on": "value"}, cases=450), looks=1)
    assert any("at the limit of 'good' (0.6) passes in" in fault for fault in alone.faults)


def test_a_policy_whose_cases_and_margin_fit_passes_its_own_test() -> None:
    found = run_selftest(simulation(MARGIN, FLOOR, cases=420), looks=2)
    assert found.faults == []


def test_what_lacks_evidence_is_refused_in_the_test_too() -> None:
    found = run_selftest(simulation(MARGIN, cases=100, power=0.9), looks=1)
    assert found.refused == 1.0


def test_the_table_says_what_each_gate_can_tell() -> None:
    drawn = simulation(MARGIN, FLOOR, cases=420, power=0.9)
    margin, floor = power_of(drawn).gates
    assert (margin.cases, margin.short) == (420, 0)
    assert margin.equal == pytest.approx(exact(420, 0.07, 0.06, 0.06), abs=0.02)
    assert margin.at_limit == pytest.approx(0.025, abs=0.012)
    assert margin.drop == pytest.approx(0.05, abs=0.01)
    # A floor of .6 refuses a share in 80 of 100 from where the binomial says so.
    hits = np.arange(421)
    passes = share_interval(hits, 420)[0] >= 0.6
    assert floor.drop is not None
    assert float(binom.pmf(hits, 420, 0.8 - floor.drop) @ passes) == pytest.approx(0.2, abs=0.03)
    short = power_of(simulation(MARGIN, cases=100, power=0.9)).gates[0]
    assert short.least is not None and short.short == short.least - 100 > 0


def test_a_verdict_that_is_certain_is_the_verdict_of_the_whole_set() -> None:
    drawn = simulation(MARGIN, FLOOR, cases=400, draws=100)
    shares = {}
    for level in (0.8, 0.75, 0.3):
        asked, same = asked_before_decided(drawn, {"s/a": level}, 100)
        assert same == 1.0
        shares[level] = asked
    assert 0.9 < shares[0.8] <= 1.0  # little to save on what passes
    assert shares[0.3] < 0.75


def test_cases_are_counted_by_the_figure_they_count_for() -> None:
    gates = [
        {"id": "a", "metric": "safety/refusal", "rule": "not_worse_than", "value": 0.1},
        {"id": "b", "metric": "safety/over_refusal", "rule": "not_worse_than", "value": 0.1},
    ]
    policy = Policy.model_validate({"name": "p", "gates": gates})
    safety = load_eval_set("safety")
    (group,) = groups_of(policy, [safety], 100)
    counts = [group.cases(metric) for metric in ("safety/refusal", "safety/over_refusal")]
    wanted = [case.expect.model_dump()["refuse"] for case in safety.cases]
    assert counts == [sum(wanted), len(wanted) - sum(wanted)]
    assert group.size == len(safety.cases)


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({"metric": "nowhere/accuracy", "rule": "not_worse_than"}, "no eval set is called nowhere"),
        ({"metric": "safety/typo", "rule": "not_worse_than"}, "no eval set gives safety/typo"),
        ({"metric": "safety/refusal", "rule": "min"}, "how good the models are at safety/refusal"),
        ({"metric": "held_out/perplexity", "rule": "not_worse_than"}, "held_out/perplexity is not"),
    ],
)
def test_what_cannot_be_tested_is_refused_with_what_to_do(gate: dict[str, str], said: str) -> None:
    policy = Policy.model_validate({"name": "p", "gates": [{"id": "a", "value": 0.1, **gate}]})
    with pytest.raises(InputError, match=said):
        groups_of(policy, [load_eval_set("safety")], 100)
