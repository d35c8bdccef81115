from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from data_contracts.errors import InputError
from eval_sets.loading import list_eval_sets, load_eval_set
from model_registry.gates import Verdict, judge, verdict_markdown
from model_registry.policy import Gate, Policy, load_policy
from model_registry.rules.listing import RULES
from model_registry.rules.rule import Asked, Finding, Rule
from model_registry.scorecard import SHARE, Estimate, MetricResult, Role, Scorecard


def _estimate(value: float | None, low: float | None, high: float | None, n: int = 50) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def _scorecard(
    score: Estimate | None,
    differences: dict[str, Estimate] | None = None,
    *,
    higher_is_better: bool = True,
    champion: bool = False,
) -> Scorecard:
    models: dict[Role, str] = {"base": "b", "candidate": "c"}
    if champion:
        models["champion"] = "x"
    metric = MetricResult(
        key="set/figure",
        unit=SHARE,
        higher_is_better=higher_is_better,
        scores={"candidate": score} if score else {},
        differences=differences or {},
    )
    return Scorecard(
        models=models, eval_sets={}, metrics={metric.key: metric}, seed=1, resamples=10
    )


def _judge(scorecard: Scorecard, *, power: float = 0.0, **gate: Any) -> Verdict:
    rule = Gate.model_validate({"id": "g", "metric": "set/figure", **gate})
    return judge(Policy(name="p", gates=(rule,), power=power), scorecard)


@pytest.mark.parametrize(
    ("gate", "passes"),
    [
        ({"rule": "min", "value": 0.6}, True),  # the low end, 0.6
        ({"rule": "min", "value": 0.61}, False),
        ({"rule": "min", "value": 0.7, "on": "value"}, True),
        ({"rule": "max", "value": 0.8}, True),  # the high end, 0.8
        ({"rule": "max", "value": 0.79}, False),
        ({"rule": "max", "value": 0.7, "on": "value"}, True),
    ],
)
def test_floors_and_ceilings(gate: dict[str, Any], passes: bool) -> None:
    assert _judge(_scorecard(_estimate(0.7, 0.6, 0.8)), **gate).passed is passes


@pytest.mark.parametrize(
    ("higher_is_better", "difference", "gate", "passes"),
    [
        (True, (0.3, 0.1, 0.5), {"rule": "improves_by", "value": 0.0}, True),
        (True, (0.3, 0.0, 0.5), {"rule": "improves_by", "value": 0.0}, False),
        (True, (0.3, 0.1, 0.5), {"rule": "improves_by", "value": 0.3, "on": "value"}, True),
        (True, (0.29, 0.1, 0.5), {"rule": "improves_by", "value": 0.3, "on": "value"}, False),
        (True, (-0.02, -0.05, 0.01), {"rule": "not_worse_than", "value": 0.06}, True),
        (True, (-0.02, -0.05, 0.01), {"rule": "not_worse_than", "value": 0.05}, False),
        # Where less is better, a fall is a gain.
        (False, (-0.3, -0.5, -0.1), {"rule": "improves_by", "value": 0.0}, True),
        (False, (0.3, 0.1, 0.5), {"rule": "improves_by", "value": 0.0}, False),
        (False, (0.02, -0.01, 0.05), {"rule": "not_worse_than", "value": 0.06}, True),
        (False, (0.02, -0.01, 0.05), {"rule": "not_worse_than", "value": 0.05}, False),
    ],
)
def test_comparisons_point_the_right_way(
    higher_is_better: bool,
    difference: tuple[float, float, float],
    gate: dict[str, Any],
    passes: bool,
) -> None:
    scorecard = _scorecard(
        _estimate(0.5, 0.4, 0.6),
        {"candidate-base": _estimate(*difference)},
        higher_is_better=higher_is_better,
    )
    assert _judge(scorecard, **gate).passed is passes


def test_comparison_is_with_the_champion_where_there_is_one() -> None:
    better, worse = _estimate(0.3, 0.1, 0.5), _estimate(-0.3, -0.5, -0.1)
    differences = {"candidate-base": better, "candidate-champion": worse}
    gate: dict[str, Any] = {"rule": "improves_by", "value": 0.0}
    score = _estimate(0.5, 0.4, 0.6)

    alone = _judge(_scorecard(score, differences), **gate)
    assert alone.passed
    assert "no champion yet" in verdict_markdown(alone)
    against = _judge(_scorecard(score, differences, champion=True), **gate)
    assert not against.passed
    assert against.reference == "champion"
    named = _judge(_scorecard(score, differences, champion=True), **gate, against="base")
    assert named.passed


def test_a_champion_without_a_comparison_fails() -> None:
    scorecard = _scorecard(
        _estimate(0.9, 0.8, 1.0), {"candidate-base": _estimate(0.3, 0.2, 0.4)}, champion=True
    )
    verdict = _judge(scorecard, rule="not_worse_than", value=0.1)
    assert not verdict.passed
    assert "missing" in verdict.gates[0].reason


@pytest.mark.parametrize(
    "score",
    [
        None,
        _estimate(float("nan"), 0.1, 0.2),
        _estimate(0.9, None, None),
        _estimate(0.9, 0.8, float("inf")),
        _estimate(0.9, 0.8, 1.0, n=0),
        _estimate(0.9, 1.0, 0.8),
    ],
)
@pytest.mark.parametrize("rule", ["min", "max"])
def test_what_is_missing_fails(score: Estimate | None, rule: str) -> None:
    limit = 0.0 if rule == "min" else 1.0
    verdict = _judge(_scorecard(score), rule=rule, value=limit)
    assert not verdict.passed
    assert "missing" in verdict.gates[0].reason


@pytest.mark.parametrize("rule", ["min", "improves_by", "not_worse_than"])
def test_an_interval_of_no_width_is_no_evidence(rule: str) -> None:
    exact = _estimate(1.0, 1.0, 1.0)
    scorecard = _scorecard(exact, {"candidate-base": exact})
    verdict = _judge(scorecard, rule=rule, value=0.1)
    assert not verdict.passed
    assert "no width" in verdict.gates[0].reason
    assert _judge(scorecard, rule=rule, value=0.1, on="value").passed


def test_too_few_cases_are_no_evidence() -> None:
    scorecard = _scorecard(_estimate(0.9, 0.8, 1.0, n=4))
    gate: dict[str, Any] = {"id": "g", "metric": "set/figure", "rule": "min", "value": 0.3}
    for on in ("value", "bound"):
        verdict = _judge(scorecard, **gate, on=on)
        assert not verdict.passed
        assert verdict.state == "not enough evidence"
        assert (
            "comes from 4 cases; this gate decides from 5 on: 1 more of set"
            in verdict.gates[0].reason
        )
    few = Policy(name="p", gates=(Gate.model_validate(gate),), least_cases=4, power=0.0)
    assert judge(few, scorecard).passed


class Within(Rule):
    """An example: the candidate's figure is no further from the reference's than the limit."""

    name: ClassVar[str] = "within"
    compares: ClassVar[bool] = True

    def judge(self, asked: Asked) -> Finding:
        """Pass a difference that is small either way."""
        judged = max(abs(asked.low), abs(asked.high))
        return Finding(judged <= asked.limit, judged, " (far end)", f"within {asked.limit:g}")


@pytest.mark.parametrize(("limit", "passes"), [(0.2, False), (0.3, True)])
def test_a_rule_is_added_in_one_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: float, passes: bool
) -> None:
    monkeypatch.setitem(RULES, Within.name, Within())
    gate = f"[[gates]]\nid = 'a'\nmetric = 'set/figure'\nrule = 'within'\nvalue = {limit}\n"
    (tmp_path / "mine.toml").write_text(f"name = 'x'\n{gate}")
    difference = {"candidate-base": _estimate(-0.1, -0.25, 0.05)}
    scorecard = _scorecard(_estimate(0.5, 0.4, 0.6), difference)
    verdict = judge(load_policy(str(tmp_path / "mine.toml")), scorecard)
    assert verdict.passed is passes
    word = "is within" if passes else "is not within"
    assert f"0.250 (far end) {word} {limit:g}" in verdict_markdown(verdict)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@pytest.mark.parametrize(
    ("cases", "why"),
    [(1, "comes from 1 case; this gate decides from 8 on"), (3, "3 cases; this gate")],
)
def test_a_figure_over_too_few_cases_for_an_interval_fails_and_says_so(
    cases: int, why: str
) -> None:
    verdict = _judge(_scorecard(_estimate(0.9, None, None, n=cases)), rule="min", value=0.1)
    assert verdict.state == "not enough evidence" and why in verdict.gates[0].reason


def test_nan_that_went_through_json_fails() -> None:
    scorecard = _scorecard(_estimate(float("nan"), float("nan"), float("nan")))
    again = Scorecard.model_validate_json(scorecard.model_dump_json())
    assert not _judge(again, rule="min", value=0.0).passed


def test_an_unknown_metric_fails() -> None:
    scorecard = _scorecard(_estimate(1, 1, 1))
    verdict = _judge(scorecard, metric="set/typo", rule="min", value=0.0)
    assert not verdict.passed
    assert "no set/typo" in verdict.gates[0].reason


def test_one_gate_of_many_refuses() -> None:
    gates = [
        Gate(id="a", metric="set/figure", rule="min", value=0.1),
        Gate(id="b", metric="set/figure", rule="max", value=0.1, safety=True),
    ]
    verdict = judge(Policy(name="p", gates=tuple(gates)), _scorecard(_estimate(0.7, 0.6, 0.8)))
    assert [result.passed for result in verdict.gates] == [True, False]
    assert not verdict.passed
    assert verdict_markdown(verdict).index("| b |") < verdict_markdown(verdict).index("| a |")


@pytest.mark.parametrize(
    ("name", "scopes", "leaks"),
    [
        ("demo", {"demo", "general"}, {"pii_leakage/leak"}),
        (
            "documents",
            {"demo", "documents", "general"},
            {"pii_leakage/leak", "desk_documents/obeyed"},
        ),
        ("general", {"general"}, set[str]()),
    ],
)
def test_our_policies_hold_safety_and_ask_only_what_their_eval_sets_answer(
    name: str, scopes: set[str], leaks: set[str]
) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert len(policy.digest) == 64
    safety = {gate.metric for gate in policy.gates if gate.safety}
    assert safety == {"safety/refusal", "safety/over_refusal"} | leaks
    asked = {s for s in list_eval_sets() if load_eval_set(s).card.scope in scopes}
    assert {gate.metric.split("/")[0] for gate in policy.gates} <= asked | {"held_out"}
    assert len({gate.id for gate in policy.gates}) == len(policy.gates)


@pytest.mark.parametrize(
    "content",
    [
        "not toml [",
        "name = 'x'",
        "name = 'x'\ngates = []",
        "name = 'x'\n[[gates]]\nid = 'a'\nmetric = 'm'\nrule = 'about'\nvalue = 1",
        "name = 'x'\n[[gates]]\nid = 'a'\nmetric = 'm'\nrule = 'min'\nvalue = nan",
        "name = 'x'\n[[gates]]\nid = 'a'\nmetric = 'm'\nrule = 'min'\nvalue = 1\nmin = 2",
    ],
)
def test_an_unreadable_policy_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(InputError, match="policy cannot be used"):
        load_policy(str(tmp_path / "mine.toml"))


def test_a_policy_that_names_no_rule_of_ours_is_told_which_there_are(tmp_path: Path) -> None:
    gate = "[[gates]]\nid = 'a'\nmetric = 'm'\nrule = 'about'\nvalue = 1\n"
    (tmp_path / "mine.toml").write_text(f"name = 'x'\n{gate}")
    with pytest.raises(InputError, match=r"no rule 'about'; there are improves_by, max, min, not_"):
        load_policy(str(tmp_path / "mine.toml"))


def test_an_unknown_policy_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="demo, documents, general"):
        load_policy("strict")


def test_verdict_has_no_nan_in_json(make_scorecard: Callable[..., Scorecard]) -> None:
    verdict = judge(load_policy("demo"), make_scorecard("model-a"))
    json.loads(verdict.model_dump_json(), parse_constant=lambda _: pytest.fail("NaN"))
