"""`paddock gates`: what a policy's gates can tell, and the policy's own test; no model is needed.

Needs the policy and its eval sets. Writes nothing.
"""

from __future__ import annotations

from flows.asking.gates import GatesParameters
from flows.asking.given import choose_eval_sets
from model_registry.policy import Policy, load_policy
from tasks.evaluation.power.chances import Simulation
from tasks.evaluation.power.curtailment import asked_before_decided
from tasks.evaluation.power.selftest import run_selftest
from tasks.evaluation.power.subjects import HELD_OUT, groups_of
from tasks.evaluation.power.table import power_of
from tasks.evaluation.power.words import Stopping, power_table, selftest_table

_STOPPED = 300  # drawn evaluations whose every block is judged


def tell(parameters: GatesParameters) -> tuple[str, bool]:
    """Return the table that was asked for, and whether nothing speaks against the policy."""
    policy = load_policy(parameters.policy)
    names = parameters.eval_sets or _named_by(policy)
    sets = choose_eval_sets(names) if names else []
    groups = groups_of(policy, sets, parameters.held_out)
    simulation = Simulation(policy, groups, parameters.draws, parameters.seed)
    title = f"Policy {policy.name}; {parameters.draws:,} drawn evaluations, seed {parameters.seed}"
    if parameters.action == "power":
        return f"{title}\n\n{power_table(policy, power_of(simulation))}", True
    found = run_selftest(simulation, looks=parameters.looks)
    return f"{title}\n\n{selftest_table(found, _stopping(simulation))}", not found.faults


def _named_by(policy: Policy) -> tuple[str, ...]:
    metrics = (gate.metric.partition("/")[0] for gate in policy.gates)
    return tuple(dict.fromkeys(name for name in metrics if name != HELD_OUT))


def _stopping(simulation: Simulation) -> list[Stopping]:
    """Return how many of the cases would be asked, of candidates good and bad."""
    guarded = [
        subject
        for subject in simulation.subjects
        if subject.is_share and any(gate.rule == "not_worse_than" for gate in subject.gates)
    ]
    found = [Stopping("as good as the champion", *asked_before_decided(simulation, {}, _STOPPED))]
    for times in (1, 4) if guarded else ():
        each = [
            asked_before_decided(
                simulation, {s.metric: s.worse_by(times * s.assumed.drop)}, _STOPPED
            )
            for s in guarded
        ]
        name = f"worse by {times} x the drop in one figure, the mean of such figures"
        asked, same = (sum(column) / len(each) for column in zip(*each, strict=True))
        found.append(Stopping(name, asked, same))
    untrained = {s.metric: s.level("base") for s in simulation.subjects}
    told = asked_before_decided(simulation, untrained, _STOPPED)
    return [*found, Stopping("no better than the base", *told)]
