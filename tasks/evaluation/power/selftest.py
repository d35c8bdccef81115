"""A policy's own test: how often it is wrong about candidates whose truth is known.

Three goals, each over the whole policy. One that is as good as the champion is wrongly refused in
at most 10 of 100 evaluations. One that is exactly at a gate's limit (each gate in turn) is wrongly
passed in at most 5, though it is looked at `looks` times: whoever may train again has another draw,
and one that passes is enough. One that lost the figure's `drop` (each figure in turn) is refused in
at least 80. Needs a simulation; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_registry.policy import Gate
from model_registry.rules.listing import RULES
from tasks.evaluation.power.chances import REFERENCE, Simulation, share_of
from tasks.evaluation.power.subjects import Subject

WRONGLY_REFUSED = 0.10
WRONGLY_PASSED = 0.05
CAUGHT = 0.80


@dataclass(frozen=True)
class AtLimit:
    """A candidate at a gate's limit: how often that gate passes it, and all of them in any look."""

    gate: str
    level: float
    alone: float
    policy: float


@dataclass(frozen=True)
class Dropped:
    """A candidate that lost some of a figure: how often a gate refuses it."""

    metric: str
    level: float
    caught: float


@dataclass(frozen=True)
class SelfTest:
    """What the test found; `gates` are the chances that each passes an equal candidate."""

    refused: float
    gates: dict[str, float]
    at_limit: tuple[AtLimit, ...]
    dropped: tuple[Dropped, ...]
    looks: int

    @property
    def faults(self) -> list[str]:
        """Return what the policy fails by, in words."""
        found: list[str] = []
        if self.refused > WRONGLY_REFUSED:
            worst = min(self.gates, key=lambda gate: self.gates[gate])
            found.append(
                f"an equally good candidate is refused in {self.refused:.1%}, not in at most"
                f" {WRONGLY_REFUSED:.0%}: most often by '{worst}'"
            )
        found += [
            f"a candidate at the limit of '{one.gate}' ({one.level:.4g}) passes in {one.policy:.1%}"
            f", not in at most {WRONGLY_PASSED:.0%}"
            for one in self.at_limit
            if one.policy > WRONGLY_PASSED
        ]
        found += [
            f"{one.metric} of {one.level:.4g} is refused in {one.caught:.1%}, not in at least"
            f" {CAUGHT:.0%}"
            for one in self.dropped
            if one.caught < CAUGHT
        ]
        return found


def run_selftest(simulation: Simulation, *, looks: int) -> SelfTest:
    """Draw each scenario and let the gates judge it."""
    equal = simulation.passing({})
    return SelfTest(
        refused=1 - share_of(equal),
        gates={gate: float(passed.mean()) for gate, passed in equal.items()},
        at_limit=_at_limits(simulation, looks),
        dropped=tuple(_dropped(simulation, subject) for subject in simulation.subjects),
        looks=looks,
    )


def edge_of(simulation: Simulation, subject: Subject, gate: Gate) -> float | None:
    """Return the candidate's level at a gate's limit, if there is such a one."""
    planned = simulation.policy.planned(
        gate, subject.unit, higher_is_better=subject.higher_is_better, against=REFERENCE
    )
    # The level that is drawn: where none is stated, any does.
    against = gate.against or REFERENCE
    edge = RULES[gate.rule].edge(planned.about(subject.level(against)))
    possible = edge is not None and (not subject.is_share or 0 <= edge <= 1)
    return edge if possible else None


def _at_limits(simulation: Simulation, looks: int) -> tuple[AtLimit, ...]:
    found: list[AtLimit] = []
    for subject, gate in _gates(simulation.subjects):
        level = edge_of(simulation, subject, gate)
        if level is None:
            continue
        passed = simulation.passing({subject.metric: level})
        alone, once = float(passed[gate.id].mean()), share_of(passed)
        found.append(AtLimit(gate.id, level, alone, 1 - (1 - once) ** looks))
    return tuple(found)


def _dropped(simulation: Simulation, subject: Subject) -> Dropped:
    level = subject.worse_by(subject.assumed.drop)
    caught = 1 - share_of(simulation.passing({subject.metric: level}))
    return Dropped(subject.metric, level, caught)


def _gates(subjects: Sequence[Subject]) -> list[tuple[Subject, Gate]]:
    return [(subject, gate) for subject in subjects for gate in subject.gates]
