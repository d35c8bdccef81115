"""Gates: a policy of rules over a scorecard, and the verdict with its reasons.

Needs a policy (TOML; `policies/` holds ours) and a scorecard. Writes nothing. Whatever is missing
or unknown fails, with the reason said.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from data_contracts.digests import file_digest
from data_contracts.errors import InputError
from data_contracts.records import Frozen
from model_registry.scorecard import Estimate, MetricResult, Role, Scorecard

STEP = "gates"
Rule = Literal["min", "max", "improves_by", "not_worse_than"]
Reference = Literal["base", "champion"]
POLICIES = Path(__file__).parent / "policies"


class Gate(Frozen):
    """One rule.

    `min`, `max`: the candidate's figure. `improves_by`: its paired gain over `against` exceeds
    `value`. `not_worse_than`: its paired loss stays below the margin `value` (non-inferiority).
    `on` picks the figure itself or the end of its 95% interval that is worse for the candidate.
    `against` is the champion, or the base where there is none, unless the gate names one.
    """

    id: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    rule: Rule
    value: float = Field(allow_inf_nan=False)
    on: Literal["value", "bound"] = "bound"
    against: Reference | None = None
    safety: bool = False
    why: str = ""


class Policy(Frozen):
    """The gates a candidate must all pass; `digest` is the sha256 of the policy's file."""

    name: str = Field(min_length=1)
    purpose: str = ""
    gates: tuple[Gate, ...] = Field(min_length=1)
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
    results = tuple(_apply(gate, scorecard, gate.against or reference) for gate in policy.gates)
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


def _apply(gate: Gate, scorecard: Scorecard, against: Reference) -> GateResult:
    metric = scorecard.metrics.get(gate.metric)
    if metric is None:
        return _failed(gate, f"the scorecard has no {gate.metric}")
    figure, what = _figure(gate, metric, against)
    if figure is None:
        return _failed(gate, f"there is no {what}")
    if figure.missing:
        return _failed(gate, f"{what} or its interval could not be computed")
    return _compare(gate, metric, figure, what)


def _figure(gate: Gate, metric: MetricResult, against: Reference) -> tuple[Estimate | None, str]:
    if gate.rule in ("min", "max"):
        role: Role = "candidate"
        return metric.scores.get(role), f"{gate.metric} of the candidate"
    return metric.differences.get(f"candidate-{against}"), f"{gate.metric}, candidate - {against}"


def _compare(gate: Gate, metric: MetricResult, figure: Estimate, what: str) -> GateResult:
    value, low, high = figure.value, figure.low, figure.high
    if value is None or low is None or high is None or low > high:
        return _failed(gate, f"{what} has no usable interval")
    # A floor is judged at the low end, a ceiling at the high end; a difference by what is better.
    wants_more = metric.higher_is_better if gate.rule not in ("min", "max") else gate.rule == "min"
    judged = value if gate.on == "value" else (low if wants_more else high)
    passes, limit = _limit(gate, wants_more)
    end = "" if gate.on == "value" else (" (low end)" if wants_more else " (high end)")
    passed = passes(judged)
    return GateResult(
        gate=gate,
        passed=passed,
        figure=figure,
        reason=f"{what} = {value:.3f} [{low:.3f}, {high:.3f}]; {judged:.3f}{end} is"
        f" {'' if passed else 'not '}{limit}",
    )


def _limit(gate: Gate, wants_more: bool) -> tuple[Callable[[float], bool], str]:
    if gate.rule == "min":
        return (lambda figure: figure >= gate.value), f"at least {gate.value:g}"
    if gate.rule == "max":
        return (lambda figure: figure <= gate.value), f"at most {gate.value:g}"
    gain = gate.value if gate.rule == "improves_by" else -gate.value
    # A gain judged on the figure may equal the limit; an interval must be clear of it.
    inclusive = gate.on == "value"
    if wants_more:
        word = "at least" if inclusive else "above"
        return (lambda x: x >= gain if inclusive else x > gain), f"{word} {gain:g}"
    word = "at most" if inclusive else "below"
    return (lambda x: x <= -gain if inclusive else x < -gain), f"{word} {0.0 - gain:g}"


def _failed(gate: Gate, reason: str) -> GateResult:
    return GateResult(gate=gate, passed=False, figure=None, reason=f"missing: {reason}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
