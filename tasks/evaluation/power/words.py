"""The tables of `paddock gates`, as Markdown that a terminal shows well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from data_contracts.text_tables import aligned_table
from model_registry.policy import Policy
from model_registry.scorecard import Unit
from tasks.evaluation.power.selftest import CAUGHT, WRONGLY_PASSED, WRONGLY_REFUSED, SelfTest
from tasks.evaluation.power.table import GatePower, PolicyPower


def power_table(policy: Policy, found: PolicyPower) -> str:
    """Return what each gate can tell, what all can together, and what is lacking."""
    heads = ("gate", "figure", "cases", "least", "equal passes", "at its limit", "drop found")
    rows = [_power_row(one) for one in found.gates]
    rows.append(("all together", "", "", "", f"{found.equal:.1%}", "", ""))
    lines = [*aligned_table(heads, rows), ""]
    lines += [
        f"Least: from so many cases on a gate decides (power {policy.power:.0%}; below: not enough",
        "evidence). Equal: as good as the champion. Drop found: the smallest loss refused in",
        f"{CAUGHT:.0%} by that gate alone, in points of a share or in the figure's own unit.",
    ]
    short = [one for one in found.gates if one.short or one.least is None]
    if short:
        lines += ["", "Not enough cases:"]
        lines += [f"- {one.gate.id}: {_lack(one)}" for one in short]
    return "\n".join(lines)


class Stopping(NamedTuple):
    """What asking only until the verdict is certain would do: both are shares."""

    candidate: str
    asked: float
    same_verdict: float


def selftest_table(found: SelfTest, stopping: Sequence[Stopping]) -> str:
    """Return what the policy's own test found."""
    rows = [
        (
            "as good as the champion",
            "refused",
            f"{found.refused:.1%}",
            f"at most {WRONGLY_REFUSED:.0%}",
            "",
        )
    ]
    looks = f"passed in {found.looks} looks" if found.looks > 1 else "passed"
    rows += [
        (
            f"at the limit of '{one.gate}' ({one.level:.4g})",
            looks,
            f"{one.policy:.1%}",
            f"at most {WRONGLY_PASSED:.0%}",
            f"{one.alone:.1%}",
        )
        for one in found.at_limit
    ]
    rows += [
        (
            f"{one.metric} of {one.level:.4g}",
            "refused",
            f"{one.caught:.1%}",
            f"at least {CAUGHT:.0%}",
            "",
        )
        for one in found.dropped
    ]
    heads = ("candidate", "is", "in", "goal", "that gate alone passes it in one look")
    lines = aligned_table(heads, rows)
    lines += ["", "Stopping as soon as the verdict is certain would ask of the cases:"]
    lines += [
        f"- {one.candidate}: {one.asked:.1%} (the same verdict in {one.same_verdict:.0%})"
        for one in stopping
    ]
    if found.faults:
        lines += ["", "The policy FAILS its own test:"]
        lines += [f"- {fault}" for fault in found.faults]
    else:
        lines += ["", "The policy passes its own test."]
    return "\n".join(lines)


def _power_row(one: GatePower) -> tuple[str, ...]:
    return (
        one.gate.id,
        one.subject.metric,
        str(one.cases),
        "never" if one.least is None else str(one.least),
        f"{one.equal:.1%}",
        "" if one.at_limit is None else f"{one.at_limit:.1%}",
        "none" if one.drop is None else _size(one.drop, one.subject.unit),
    )


def _size(drop: float, unit: Unit) -> str:
    return f"{drop * unit.scale:.{max(1, unit.digits)}f}"


def _lack(one: GatePower) -> str:
    if one.least is None:
        return "no number of cases lets it pass"
    return f"{one.short} more of {one.eval_set} ({one.cases} of {one.least})"
