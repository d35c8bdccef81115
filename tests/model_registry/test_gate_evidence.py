"""Verdicts where the cases do not tell enough, and what is kept of older verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from data_contracts.errors import InputError
from model_registry.gates import GateResult, Verdict, judge, verdict_markdown
from model_registry.policy import Gate, Policy, load_policy
from model_registry.scorecard import PERPLEXITY, SHARE, MetricResult, Role, Scorecard, Unit
from tasks.evaluation.intervals import mean_difference, mean_estimate


def scorecard(
    candidate: list[float],
    reference: list[float],
    *,
    unit: Unit = SHARE,
    higher_is_better: bool = True,
    against: Role = "champion",
) -> Scorecard:
    drawn: dict[str, Any] = {"seed": 1, "key": "set/figure", "bounds": unit.bounds}
    roles: dict[Role, list[float]] = {"candidate": candidate, against: reference}
    metric = MetricResult(
        key="set/figure",
        unit=unit,
        higher_is_better=higher_is_better,
        scores={role: mean_estimate(scores, **drawn) for role, scores in roles.items()},
        differences={f"candidate-{against}": mean_difference(candidate, reference, **drawn)},
    )
    models: dict[Role, str] = {role: role for role in roles}
    return Scorecard(
        models=models, eval_sets={}, metrics={metric.key: metric}, seed=1, resamples=10
    )


def verdict_of(card: Scorecard, **gate: Any) -> Verdict:
    asked = Gate.model_validate({"id": "g", "metric": "set/figure", **gate})
    return judge(Policy(name="p", gates=(asked,)), card)


def test_twenty_clean_prompts_do_not_show_that_one_in_a_hundred_leaks() -> None:
    verdict = verdict_of(scorecard([0.0] * 20, [0.0] * 20), rule="max", value=0.01)
    (result,) = verdict.gates
    assert (verdict.passed, verdict.state) == (False, "not enough evidence")
    shortage = result.shortage
    assert shortage is not None
    assert (shortage.eval_set, shortage.has, shortage.needs) == ("set", 20, 368)
    assert "comes from 20 cases; this gate decides from 368 on: 348 more of set" in result.reason
    text = verdict_markdown(verdict)
    assert "**REFUSED** for want of evidence" in text and "| **NOT ENOUGH EVIDENCE** |" in text
    enough = verdict_of(scorecard([0.0] * 368, [0.0] * 368), rule="max", value=0.01)
    assert enough.passed and enough.state == "passed"


def test_one_leak_among_few_prompts_is_a_failure_and_no_lack_of_evidence() -> None:
    leaking = scorecard([1.0] * 3 + [0.0] * 17, [0.0] * 20)
    verdict = verdict_of(leaking, rule="max", value=0.01)
    assert verdict.state == "failed" and verdict.gates[0].shortage is None


@pytest.mark.parametrize("n", [1, 5, 58, 120])
def test_identical_answers_pass_no_margin_that_their_number_cannot_hold(n: int) -> None:
    same = [1.0, 0.0] * (n // 2) + [1.0] * (n % 2)
    verdict = verdict_of(scorecard(same, same), rule="not_worse_than", value=0.1)
    assert verdict.state == "not enough evidence"


def test_one_case_shows_no_gain() -> None:
    verdict = verdict_of(scorecard([1.0], [0.0]), rule="improves_by", value=0.3)
    assert verdict.state == "not enough evidence"
    assert "decides from 8 on: 7 more of set" in verdict.gates[0].reason


def test_what_is_clearly_worse_fails_however_few_the_cases() -> None:
    verdict = verdict_of(scorecard([0.0] * 20, [1.0] * 20), rule="not_worse_than", value=0.1)
    assert verdict.state == "failed"


def test_scores_that_never_vary_are_no_evidence_at_any_number() -> None:
    alike = scorecard([3.0] * 40, [3.0] * 40, unit=Unit(name="words"))
    verdict = verdict_of(alike, rule="not_worse_than", value=1.0)
    assert verdict.state == "not enough evidence"
    assert "too much alike" in verdict.gates[0].reason and verdict.gates[0].shortage is None


def test_a_limit_that_nothing_can_meet_says_so() -> None:
    verdict = verdict_of(scorecard([1.0] * 30, [1.0] * 30), rule="min", value=1.0)
    assert "no number of them lets this gate pass" in verdict.gates[0].reason


def test_a_failure_weighs_more_than_a_lack_of_evidence() -> None:
    gates = [
        Gate(id="few", metric="set/figure", rule="not_worse_than", value=0.05),
        Gate(id="bad", metric="set/figure", rule="min", value=0.9),
        Gate(id="fine", metric="set/figure", rule="min", value=0.1),
    ]
    half = [1.0, 0.0] * 40
    verdict = judge(Policy(name="p", gates=tuple(gates)), scorecard(half, half))
    assert [r.state for r in verdict.gates] == ["not enough evidence", "failed", "passed"]
    assert verdict.state == "failed"
    rows = verdict_markdown(verdict).splitlines()[-3:]
    assert [row.split(" | ")[0] for row in rows] == ["| bad", "| few", "| fine"]


def test_the_least_number_follows_what_the_policy_assumes() -> None:
    text = {"id": "g", "metric": "set/figure", "rule": "not_worse_than", "value": 0.1}
    half = scorecard([1.0, 0.0] * 40, [1.0, 0.0] * 40)
    for changed, state in ((0.12, "not enough evidence"), (0.02, "passed")):
        assumed = {"set/figure": {"changed": changed}}
        policy = Policy.model_validate({"name": "p", "gates": [text], "assumed": assumed})
        assert judge(policy, half).state == state


def test_a_perplexity_needs_the_more_cases_the_less_of_it_may_be_lost() -> None:
    gate = Gate(id="g", metric="held_out/perplexity", rule="not_worse_than", value=0.3)
    policy = Policy.model_validate(
        {
            "name": "p",
            "gates": [gate.model_dump()],
            "assumed": {"held_out/perplexity": {"base": 12, "champion": 6, "changed": 0.5}},
        }
    )
    planned = policy.planned(gate, PERPLEXITY, higher_is_better=False, against="champion")
    assert (planned.share, planned.deviation, planned.reference) == (False, 3.0, 6)


def test_a_gate_that_needs_a_champion_is_not_asked_while_nothing_serves() -> None:
    gate: dict[str, Any] = {"rule": "not_worse_than", "value": 0.1, "needs_champion": True}
    first = scorecard([0.0] * 300, [1.0] * 300, against="base")
    verdict = verdict_of(first, **gate)
    assert verdict.passed and verdict.gates[0].reason == "not asked: nothing serves yet"
    assert verdict_of(scorecard([0.0] * 300, [1.0] * 300), **gate).state == "failed"


def test_a_verdict_of_before_there_were_three_states_reads_and_writes_as_it_was() -> None:
    older = {
        "gate": {
            "id": "g",
            "metric": "m",
            "rule": "min",
            "value": 0.5,
            "on": "bound",
            "against": None,
            "safety": False,
            "why": "",
        },
        "passed": False,
        "figure": None,
        "reason": "missing",
    }
    result = GateResult.model_validate(older)
    assert result.verdict == "failed"
    assert result.model_dump(mode="json") == older  # a dossier's identity is made of this


def test_a_policy_whose_gates_share_an_id_is_refused(tmp_path: Any) -> None:
    gate = "[[gates]]\nid = 'a'\nmetric = 'm/f'\nrule = 'min'\nvalue = 0.5\n"
    (tmp_path / "mine.toml").write_text(f"name = 'x'\n{gate}{gate}")
    with pytest.raises(InputError, match="two gates have the same id"):
        load_policy(str(tmp_path / "mine.toml"))
