"""The figures that a policy's gates judge, and over which cases of the eval sets.

Needs a policy and its eval sets; writes nothing. Which cases a figure counts is asked of its
scorer, with an answer that says nothing: what then has no score does not apply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from data_contracts.errors import InputError
from eval_sets.types import EvalSet
from model_registry.policy import STEP, Gate, Policy, Reference
from model_registry.power.least import Assumed
from model_registry.rules.listing import RULES
from model_registry.scorecard import SHARE, Role, Unit
from tasks.evaluation.metrics.perplexity import FIGURE
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.metrics.scorer import Answer, Figure

HELD_OUT = "held_out"


@dataclass(frozen=True)
class Subject:
    """A figure, what is assumed of it, and the gates that judge it.

    `root` is the model that a candidate is taken to be a variant of: the reference of the gate that
    holds the figure against getting worse.
    """

    metric: str
    unit: Unit
    higher_is_better: bool
    assumed: Assumed
    gates: tuple[Gate, ...]
    root: Reference

    @property
    def is_share(self) -> bool:
        """Tell whether each score is taken to be 0 or 1."""
        return self.unit == SHARE

    def level(self, role: Role) -> float:
        """Return the assumed level of a model; a candidate is as good as the champion."""
        level = self.assumed.base if role == "base" else self.assumed.champion
        if level is None:
            level = self.assumed.champion if role == "base" else self.assumed.base
        return 0.5 if level is None else level

    def worse_by(self, drop: float) -> float:
        """Return the level of a candidate that is worse than the champion by so much."""
        worse = self.level("champion") + (-drop if self.higher_is_better else drop)
        return min(1.0, max(0.0, worse)) if self.is_share else worse


@dataclass(frozen=True)
class Group:
    """Figures over the cases of one eval set; `classes` counts the cases of each combination."""

    name: str
    subjects: tuple[Subject, ...]
    classes: tuple[tuple[tuple[int, ...], int], ...]

    def cases(self, metric: str) -> int:
        """Return how many cases a figure is over."""
        place = [subject.metric for subject in self.subjects].index(metric)
        return sum(cases for members, cases in self.classes if place in members)

    @property
    def size(self) -> int:
        """Return how many cases there are, whichever figures they count for."""
        return sum(cases for _, cases in self.classes)


def groups_of(policy: Policy, sets: Sequence[EvalSet], held_out: int) -> list[Group]:
    """Return the figures that the policy judges, by eval set; `held_out` counts the records.

    InputError if a set or a figure that a gate names is not there, or a level is not stated that a
    gate cannot be tested without.
    """
    by_set: dict[str, list[str]] = {}
    for gate in policy.gates:
        metrics = by_set.setdefault(gate.metric.partition("/")[0], [])
        if gate.metric not in metrics:
            metrics.append(gate.metric)
    known = {entry.name: entry for entry in sets}
    return [_group(policy, name, metrics, known, held_out) for name, metrics in by_set.items()]


def _group(
    policy: Policy, name: str, metrics: Sequence[str], known: dict[str, EvalSet], held_out: int
) -> Group:
    if name == HELD_OUT:
        figures, counted = {FIGURE.name: FIGURE}, [(FIGURE.name,)] * held_out
    elif name in known:
        figures = {figure.name: figure for figure in SCORERS[known[name].card.scorer].figures}
        counted = _counted(known[name])
    else:
        raise _untestable(f"no eval set is called {name}", policy, "name it in --eval-sets")
    subjects = tuple(_subject(policy, metric, figures) for metric in metrics)
    for subject in subjects:
        if not any(subject.metric.partition("/")[2] in case for case in counted):
            raise _untestable(f"no case counts for {subject.metric}", policy, "correct the set")
    names = [metric.partition("/")[2] for metric in metrics]
    classes = Counter(
        tuple(place for place, figure in enumerate(names) if figure in case) for case in counted
    )
    return Group(name, subjects, tuple((members, n) for members, n in classes.items() if members))


def _counted(eval_set: EvalSet) -> list[tuple[str, ...]]:
    scorer, terms = SCORERS[eval_set.card.scorer], eval_set.card.claim_terms
    scored = [
        scorer.score(Answer("", case.messages[-1].content, 0, terms), case.expect)
        for case in eval_set.cases
    ]
    return [tuple(name for name, score in case.items() if score is not None) for case in scored]


def _subject(policy: Policy, metric: str, figures: dict[str, Figure]) -> Subject:
    figure = figures.get(metric.partition("/")[2])
    if figure is None:
        remedy = f"its figures are {', '.join(sorted(figures))}"
        raise _untestable(f"no eval set gives {metric}", policy, remedy)
    gates = tuple(gate for gate in policy.gates if gate.metric == metric)
    assumed = policy.assumes(metric)
    needs_levels = figure.unit != SHARE or any(gate.rule != "not_worse_than" for gate in gates)
    unstated = None in (assumed.base, assumed.champion) and any(
        RULES[gate.rule].compares for gate in gates
    )
    if needs_levels and (assumed.champion is None or unstated):
        remedy = f'state base and champion in a table [assumed."{metric}"] of the policy'
        raise _untestable(f"how good the models are at {metric} is not stated", policy, remedy)
    guards = [gate.against for gate in gates if gate.rule == "not_worse_than"]
    only_base = bool(guards) and set(guards) == {"base"}
    root: Reference = "base" if only_base else "champion"
    return Subject(metric, figure.unit, figure.higher_is_better, assumed, gates, root)


def _untestable(what: str, policy: Policy, remedy: str) -> InputError:
    return InputError(what, step=STEP, where=f"policy {policy.name}", remedy=remedy)
