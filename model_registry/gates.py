"""Gates: a policy of rules over a scorecard, and the verdict with its reasons.

Needs a policy (TOML; `policies/` holds ours) and a scorecard. Writes nothing. Whatever is missing,
unknown or known from too few cases fails, with the reason said. `rules/` holds the comparisons.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from data_contracts.digests import file_digest
from data_contracts.errors import InputError
from data_contracts.records import Frozen
from model_registry.rules.listing import RULES
from model_registry.rules.rule import Asked, Rule
from model_registry.scorecard import Estimate, MetricResult, Role, Scorecard

STEP = "gates"
Reference = Literal["base", "champion"]
POLICIES = Path(__file__).parent / "policies"


class Gate(Frozen):
    """One rule, by its name in `rules/`, with `value` as its limit.

    `on` picks the figure itself or the end of its 95% interval that is worse for the candidate.
    `against` is the champion, or the base where there is none, unless the gate names one.
    """

    id: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    rule: str
    value: float = Field(allow_inf_nan=False)
    on: Literal["value", "bound"] = "bound"
    against: Reference | None = None
    safety: bool = False
    why: str = ""

    @field_validator("rule")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}; there are {', '.join(sorted(RULES))}")
        return name


class Policy(Frozen):
    """The gates a candidate must all pass; `digest` is the sha256 of the policy's file.

    A figure from fewer than `least_cases` cases or records fails its gate.
    """

    name: str = Field(min_length=1)
    purpose: str = ""
    gates: tuple[Gate, ...] = Field(min_length=1)
    least_cases: int = Field(default=5, ge=1)
    digest: str = ""


class GateResult(Frozen):
    """What one gate found; `figure` is what it judged (absent if there was none)."""

    gate: Gate
    passed: bool
    figure: Estimate | None
    reason: str


class Verdict(Frozen):
    """Whether every gate passed, and whom the comparisons were made with."""

    policy: str
    policy_digest: str
    passed: bool
    reference: Reference
    gates: tuple[GateResult, ...]


def load_policy(name: str) -> Policy:
    """Return one of our policies by name, or the policy of a TOML file; InputError otherwise."""
    path = Path(name) if name.endswith(".toml") else POLICIES / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Policy.model_validate({**content, "digest": file_digest(path)})
    except (OSError, ValueError, ValidationError) as error:
        ours = ", ".join(sorted(entry.stem for entry in POLICIES.glob("*.toml")))
        raise InputError(
            "the gate policy cannot be used",
            step=STEP,
            where=f"{path} ({_first_line(error)})",
            remedy=f"name one of ours ({ours}), or correct the file",
        ) from error


def judge(policy: Policy, scorecard: Scorecard) -> Verdict:
    """Apply every gate; the verdict passes only if all of them do."""
    reference: Reference = "champion" if "champion" in scorecard.models else "base"
    results = tuple(
        _apply(gate, scorecard, gate.against or reference, policy.least_cases)
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
    """Return the verdict as a Markdown table, the gates that failed first."""
    compared = (
        "the champion"
        if verdict.reference == "champion"
        else "the base model, since there is no champion yet"
    )
    lines = [
        f"**{'PASSED' if verdict.passed else 'REFUSED'}** by policy `{verdict.policy}`,"
        f" compared with {compared}.",
        "",
        "| gate | verdict | reason |",
        "|---|---|---|",
    ]
    for result in sorted(verdict.gates, key=lambda entry: entry.passed):
        word = "pass" if result.passed else "**FAIL**"
        lines.append(f"| {result.gate.id} | {word} | {result.reason} |")
    return "\n".join(lines)


def _apply(gate: Gate, scorecard: Scorecard, against: Reference, least_cases: int) -> GateResult:
    rule, metric = RULES[gate.rule], scorecard.metrics.get(gate.metric)
    if metric is None:
        return _failed(gate, f"missing: the scorecard has no {gate.metric}")
    figure, what = _figure(rule, gate, metric, against)
    if figure is None:
        return _failed(gate, f"missing: there is no {what}")
    if figure.value is not None and figure.n > 0 and figure.missing:
        few = "is too little" if figure.n == 1 else "are too few, or too much alike,"
        cases = f"{figure.n} case{'' if figure.n == 1 else 's'}"
        why = f"{what} = {figure.value:.3f}, but {cases} {few} for an interval"
        return _failed(gate, f"missing: {why}")
    asked = _asked(gate, metric, figure)
    if asked is None:
        return _failed(gate, f"missing: {what} has no usable interval")
    if fault := _too_little(asked, figure, least_cases):
        return _failed(gate, f"too little: {what} {fault}")
    found = rule.judge(asked)
    mark = metric.unit.mark if metric.unit.scale == 1 else ""  # a policy's values are unscaled
    interval = f"[{asked.low:.3f}, {asked.high:.3f}]{mark}"
    return GateResult(
        gate=gate,
        passed=found.passed,
        figure=figure,
        reason=f"{what} = {asked.value:.3f} {interval}; {found.judged:.3f}"
        f"{found.what} is {'' if found.passed else 'not '}{found.limit}",
    )


def _figure(
    rule: Rule, gate: Gate, metric: MetricResult, against: Reference
) -> tuple[Estimate | None, str]:
    if not rule.compares:
        role: Role = "candidate"
        return metric.scores.get(role), f"{gate.metric} of the candidate"
    return metric.differences.get(f"candidate-{against}"), f"{gate.metric}, candidate - {against}"


def _asked(gate: Gate, metric: MetricResult, figure: Estimate) -> Asked | None:
    """Return the question to a rule, or None where the figure cannot be judged."""
    value, low, high = figure.value, figure.low, figure.high
    if figure.missing or value is None or low is None or high is None or low > high:
        return None
    return Asked(value, low, high, gate.value, gate.on, metric.higher_is_better)


def _too_little(asked: Asked, figure: Estimate, least_cases: int) -> str:
    if figure.n < least_cases:
        return f"comes from {figure.n} cases, and the policy asks for {least_cases}"
    if asked.on == "bound" and asked.low == asked.high:
        return "has an interval of no width, which no number of cases gives"
    return ""


def _failed(gate: Gate, reason: str) -> GateResult:
    return GateResult(gate=gate, passed=False, figure=None, reason=reason)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
