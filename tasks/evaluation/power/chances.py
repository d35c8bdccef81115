"""With which chance a policy's gates pass a candidate whose levels are known.

Draws evaluations (draws.py) and lets the product's own gates judge each outcome that came up. Needs
a policy and its figures; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_registry.gates import judge_gate
from model_registry.policy import Gate, Policy, Reference
from model_registry.rules.listing import RULES
from model_registry.scorecard import Estimate, MetricResult
from tasks.evaluation.power.draws import Levels, Outcomes, draw
from tasks.evaluation.power.subjects import Group, Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Passed = NDArray[np.bool_]

REFERENCE: Reference = "champion"  # a policy must hold up where there is one


@dataclass
class Simulation:
    """Many evaluations of candidates against one policy.

    The same candidate is drawn once: what differs between two scenarios is what they say.
    """

    policy: Policy
    groups: Sequence[Group]
    draws: int
    seed: int
    _equal: dict[str, Passed] = field(default_factory=dict)
    _known: dict[tuple[object, ...], bool] = field(default_factory=dict)

    @property
    def subjects(self) -> list[Subject]:
        """Return every figure that a gate judges."""
        return [subject for group in self.groups for subject in group.subjects]

    def group_of(self, metric: str) -> Group:
        """Return the group that has a figure."""
        return next(g for g in self.groups if metric in [s.metric for s in g.subjects])

    def passing(self, levels: Mapping[str, float]) -> dict[str, Passed]:
        """Return for each gate, by its id, which draws pass; `levels` are the candidate's.

        Figures without one are as good as the champion's.
        """
        if not self._equal:
            for place, group in enumerate(self.groups):
                self._equal |= self._judged(group, {}, stream=place)
        passed = dict(self._equal)
        touched = {self.group_of(metric).name for metric in levels}
        for place, group in enumerate(self.groups):
            if group.name in touched:
                passed |= self._judged(group, levels, stream=len(self.groups) + place)
        return passed

    def alone(self, gate: Gate, level: float) -> float:
        """Return the chance that one gate passes a candidate with this level of its figure."""
        group = self.group_of(gate.metric)
        return float(
            self._judged(group, {gate.metric: level}, stream=-1, only=gate)[gate.id].mean()
        )

    def _judged(
        self, group: Group, levels: Mapping[str, float], *, stream: int, only: Gate | None = None
    ) -> dict[str, Passed]:
        import numpy as np

        random = np.random.default_rng([self.seed, stream + 1])
        drawn = draw(group, levels_of(group.subjects, levels), self.draws, random)
        return {
            gate.id: self.judged(gate, drawn[subject.metric])
            for subject in group.subjects
            for gate in subject.gates
            if only is None or gate == only
        }

    def judged(self, gate: Gate, outcomes: Outcomes) -> Passed:
        """Return which of the outcomes a gate passes, each judged as a scorecard's figure is."""
        import numpy as np

        against = gate.against or REFERENCE
        figures, which = outcomes.estimates(against if RULES[gate.rule].compares else None)
        found = [self._passes(gate, figure, outcomes.subject, against) for figure in figures]
        return np.asarray(found, dtype=bool)[which]

    def _passes(self, gate: Gate, figure: Estimate, subject: Subject, against: Reference) -> bool:
        # The same few outcomes come up again and again.
        key = (gate.id, figure.n, figure.value, figure.low, figure.high)
        if key not in self._known:
            metric = _as_metric(subject, figure, against)
            self._known[key] = judge_gate(self.policy, gate, metric, REFERENCE).passed
        return self._known[key]


def levels_of(subjects: Sequence[Subject], levels: Mapping[str, float]) -> dict[str, Levels]:
    """Return every model's level of each figure, given what differs from what is assumed."""
    return {
        s.metric: Levels(
            base=s.level("base"),
            champion=s.level("champion"),
            candidate=levels.get(s.metric, s.level("candidate")),
        )
        for s in subjects
    }


def _as_metric(subject: Subject, figure: Estimate, against: Reference) -> MetricResult:
    return MetricResult.model_construct(
        key=subject.metric,
        unit=subject.unit,
        higher_is_better=subject.higher_is_better,
        scores={"candidate": figure},
        differences={f"candidate-{against}": figure},
    )


def share_of(passed: Mapping[str, Passed]) -> float:
    """Return the share of draws that every gate passes."""
    import numpy as np

    return float(np.all(list(passed.values()), axis=0).mean())
