"""What each gate of a policy can tell with the cases there are, before anybody trains.

Needs a simulation; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_registry.policy import Gate
from model_registry.rules.listing import RULES
from tasks.evaluation.power.chances import REFERENCE, Simulation, share_of
from tasks.evaluation.power.selftest import CAUGHT, edge_of
from tasks.evaluation.power.subjects import Subject

_HALVINGS = 12


@dataclass(frozen=True)
class GatePower:
    """One gate: the cases it has and needs, and the chances that it passes candidates.

    `equal` is as good as the champion, `at_limit` exactly at the gate's limit (None: there is no
    such level). `drop` is the smallest loss that it refuses in 80 of 100 (None: none).
    """

    gate: Gate
    subject: Subject
    eval_set: str
    cases: int
    least: int | None
    equal: float
    at_limit: float | None
    drop: float | None

    @property
    def short(self) -> int:
        """Return how many cases it lacks; none where no number would do."""
        return 0 if self.least is None else max(0, self.least - self.cases)


@dataclass(frozen=True)
class PolicyPower:
    """Every gate, and the chance that all together pass an equally good candidate."""

    gates: tuple[GatePower, ...]
    equal: float


def power_of(simulation: Simulation) -> PolicyPower:
    """Return what the gates can tell."""
    passed = simulation.passing({})
    gates = [
        _gate_power(simulation, subject, gate, float(passed[gate.id].mean()))
        for subject in simulation.subjects
        for gate in subject.gates
    ]
    order = [gate.id for gate in simulation.policy.gates]
    gates.sort(key=lambda one: order.index(one.gate.id))
    return PolicyPower(tuple(gates), share_of(passed))


def _gate_power(simulation: Simulation, subject: Subject, gate: Gate, equal: float) -> GatePower:
    policy, group = simulation.policy, simulation.group_of(subject.metric)
    planned = policy.planned(
        gate, subject.unit, higher_is_better=subject.higher_is_better, against=REFERENCE
    )
    least, edge = RULES[gate.rule].least(planned), edge_of(simulation, subject, gate)
    return GatePower(
        gate=gate,
        subject=subject,
        eval_set=group.name,
        cases=group.cases(subject.metric),
        least=None if least is None else max(least, policy.least_cases),
        equal=equal,
        at_limit=None if edge is None else simulation.alone(gate, edge),
        drop=_smallest_drop(simulation, subject, gate),
    )


def _smallest_drop(simulation: Simulation, subject: Subject, gate: Gate) -> float | None:
    """Halve between no loss and all there is to lose; what is worse is refused more often."""
    level = subject.level("champion")
    if subject.is_share:
        most = level if subject.higher_is_better else 1 - level
    else:
        most = abs(level) or 1.0

    def is_found(drop: float) -> bool:
        return 1 - simulation.alone(gate, subject.worse_by(drop)) >= CAUGHT

    if not is_found(most):
        return None
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high
