"""Gates: a policy of rules over a scorecard, and the verdict with its reasons.

Needs a policy and a scorecard. Writes nothing. Whatever is missing or
unknown fails, with the reason said. What comes from fewer cases than a gate can decide with is *not
enough evidence*: a refusal as well, which says how many more are needed, and of which eval set.
`rules/` holds the comparisons, `power/` the arithmetic of cases.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from data_contracts.records import Frozen
from model_registry.policy import Gate, Policy, Reference
from model_registry.power.least import FEWEST
from model_registry.rules.listing import RULES
from model_registry.rules.rule import Asked, Rule
from model_registry.scorecard import Estimate, MetricResult, Role, Scorecard

State = Literal["passed", "failed", "not enough evidence"]
WORDS: dict[State, str] = {
    "failed": "**FAIL**",
    "not enough evidence": "**NOT ENOUGH EVIDENCE**",
    "passed": "pass",
}


def _is_none(value: Any) -> bool:
    return value is None


class Shortage(Frozen):
    """Of which eval set a gate has too few cases; it decides from `needs` on (None: at none)."""

    eval_set: str
    has: int
    needs: int | None

    @property
    def more(self) -> int | None:
        """Return how many more cases are needed."""
        return None if self.needs is None else self.needs - self.has


class GateResult(Frozen):
    """What one gate found; `figure` is what it judged (absent if there was none).

    `state` is absent in verdicts of before there were three.
    """

    gate: Gate
    passed: bool
    figure: Estimate | None
    reason: str
    state: State | None = Field(default=None, exclude_if=_is_none)
    shortage: Shortage | None = Field(default=None, exclude_if=_is_none)

    @property
    def verdict(self) -> State:
        """Return whether it passed, failed or had not enough to judge by."""
        return self.state or ("passed" if self.passed else "failed")


class Verdict(Frozen):
    """Whether every gate passed, and whom the comparisons were made with."""

    policy: str
    policy_digest: str
    passed: bool
    reference: Reference
    gates: tuple[GateResult, ...]

    @property
    def state(self) -> State:
        """Return the worst that a gate found; failing is worse than lacking evidence."""
        found = {result.verdict for result in self.gates}
        if "failed" in found:
            return "failed"
        return "not enough evidence" if "not enough evidence" in found else "passed"


def judge(policy: Policy, scorecard: Scorecard) -> Verdict:
    """Apply every gate; the verdict passes only if all of them do."""
    reference: Reference = "champion" if "champion" in scorecard.models else "base"
    results = tuple(
        judge_gate(policy, gate, scorecard.metrics.get(gate.metric), reference)
        for gate in policy.gates
    )
    return Verdict(
        policy=policy.name,
        policy_digest=policy.digest,
        passed=all(result.passed for result in results),
        reference=reference,
        gates=results,
    )


def verdict_markdown(verdict: Verdict) -> str:
    """Return the verdict as a Markdown table: what failed, what lacks evidence, what passed."""
    compared = (
        "the champion"
        if verdict.reference == "champion"
        else "the base model, since there is no champion yet"
    )
    said = "PASSED" if verdict.passed else "REFUSED"
    why = "" if verdict.state != "not enough evidence" else " for want of evidence"
    lines = [
        f"**{said}**{why} by policy `{verdict.policy}`, compared with {compared}.",
        "",
        "| gate | verdict | reason |",
        "|---|---|---|",
    ]
    order = list(WORDS)
    for result in sorted(verdict.gates, key=lambda entry: order.index(entry.verdict)):
        lines.append(f"| {result.gate.id} | {WORDS[result.verdict]} | {result.reason} |")
    return "\n".join(lines)


def judge_gate(
    policy: Policy, gate: Gate, metric: MetricResult | None, reference: Reference
) -> GateResult:
    """Apply one gate to its metric; `reference` is whom the candidate is compared with."""
    if gate.needs_champion and reference != "champion":
        return GateResult(
            gate=gate,
            passed=True,
            figure=None,
            reason="not asked: nothing serves yet",
            state="passed",
        )
    if metric is None:
        return _failed(gate, f"missing: the scorecard has no {gate.metric}")
    if metric.withheld:
        return _failed(gate, f"withheld: {metric.withheld}")
    rule, against = RULES[gate.rule], gate.against or reference
    figure, what = _figure(rule, gate, metric, against)
    if figure is None:
        return _failed(gate, f"missing: there is no {what}")
    least = _least(policy, gate, metric, against)
    if figure.value is not None and figure.n > 0 and figure.missing:
        return _without_interval(gate, figure, what, least)
    asked = _asked(gate, metric, figure)
    if asked is None:
        return _failed(gate, f"missing: {what} has no usable interval")
    if asked.on == "bound" and asked.low == asked.high:
        why = "has an interval of no width, which no number of cases gives"
        return _failed(gate, f"missing: {what} {why}")
    found = rule.judge(asked)
    # What even the better end of its interval does not pass is decided, however few the cases.
    if (least is None or figure.n < least) and rule.judge(asked.at_best()).passed:
        return _too_few(gate, figure, what, least)
    mark = metric.unit.mark if metric.unit.scale == 1 else ""  # a policy's values are unscaled
    interval = f"[{asked.low:.3f}, {asked.high:.3f}]{mark}"
    return GateResult(
        gate=gate,
        passed=found.passed,
        figure=figure,
        reason=f"{what} = {asked.value:.3f} {interval}; {found.judged:.3f}"
        f"{found.what} is {'' if found.passed else 'not '}{found.limit}",
        state="passed" if found.passed else "failed",
    )


def _figure(
    rule: Rule, gate: Gate, metric: MetricResult, against: Reference
) -> tuple[Estimate | None, str]:
    if not rule.compares:
        role: Role = "candidate"
        return metric.scores.get(role), f"{gate.metric} of the candidate"
    return metric.differences.get(f"candidate-{against}"), f"{gate.metric}, candidate - {against}"


def _least(policy: Policy, gate: Gate, metric: MetricResult, against: Reference) -> int | None:
    better = metric.higher_is_better
    planned = policy.planned(gate, metric.unit, higher_is_better=better, against=against)
    least = RULES[gate.rule].least(planned)
    return None if least is None else max(least, policy.least_cases)


def _asked(gate: Gate, metric: MetricResult, figure: Estimate) -> Asked | None:
    """Return the question to a rule, or None where the figure cannot be judged."""
    value, low, high = figure.value, figure.low, figure.high
    if figure.missing or value is None or low is None or high is None or low > high:
        return None
    return Asked(value, low, high, gate.value, gate.on, metric.higher_is_better)


def _without_interval(gate: Gate, figure: Estimate, what: str, least: int | None) -> GateResult:
    needs = max(least or FEWEST, FEWEST)
    if figure.n < needs:
        return _too_few(gate, figure, what, needs)
    why = f"all {figure.n} cases are too much alike for an interval"
    return _lacking(gate, figure, f"missing: {what} = {figure.value:.3f}, but {why}", None)


def _too_few(gate: Gate, figure: Estimate, what: str, least: int | None) -> GateResult:
    eval_set = gate.metric.partition("/")[0]
    shortage = Shortage(eval_set=eval_set, has=figure.n, needs=least)
    said = f"too little: {what} comes from {figure.n} case{'' if figure.n == 1 else 's'}"
    if least is None:
        why = f"{said}, and no number of them lets this gate pass"
    else:
        why = f"{said}; this gate decides from {least} on: {shortage.more} more of {eval_set}"
    return _lacking(gate, figure, why, shortage)


def _lacking(gate: Gate, figure: Estimate, why: str, shortage: Shortage | None) -> GateResult:
    return GateResult(
        gate=gate,
        passed=False,
        figure=figure,
        reason=why,
        state="not enough evidence",
        shortage=shortage,
    )


def _failed(gate: Gate, reason: str) -> GateResult:
    return GateResult(gate=gate, passed=False, figure=None, reason=reason, state="failed")
