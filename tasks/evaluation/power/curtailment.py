"""What it would save to stop asking a candidate once its verdict can no longer change.

The base's and the champion's answers are known first. After each block of cases every gate is
judged twice, with all that is left right and with all of it wrong: one that fails the best is lost,
one that passes the worst is won, and a policy is decided where one gate is lost or all are won. The
verdict is that of the whole set by construction. Figures that nobody has to be asked for (held-out
perplexity) count as known. Needs a simulation; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from model_registry.policy import Gate
from tasks.evaluation.power.chances import Simulation, levels_of
from tasks.evaluation.power.draws import CELLS, Outcomes, Shares, draw
from tasks.evaluation.power.subjects import Group

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

BLOCKS = 20


def asked_before_decided(
    simulation: Simulation, levels: Mapping[str, float], draws: int
) -> tuple[float, float]:
    """Return the share of cases asked, on average, and that of verdicts as the whole sets give."""
    import numpy as np

    random = np.random.default_rng([simulation.seed, 77])
    found = [_by_block(simulation, group, levels, draws, random) for group in simulation.groups]
    lost: Flags = np.any([one for group in found for one, _ in group], axis=0)
    won: Flags = np.all([one for group in found for _, one in group], axis=0)
    decided = np.logical_or(lost, won)  # (blocks, draws); at the last block all of them are
    first = decided.argmax(axis=0)
    whole = won[-1]
    same = decided[-1] & (won[first, np.arange(draws)] == whole)
    return float((first + 1).mean() / BLOCKS), float(same.mean())


def _by_block(
    simulation: Simulation,
    group: Group,
    levels: Mapping[str, float],
    draws: int,
    random: np.random.Generator,
) -> list[tuple[Flags, Flags]]:
    """Return for every gate of a group where it is lost and where it is won, (blocks, draws)."""
    import numpy as np

    true = levels_of(group.subjects, levels)
    parts = [draw(block, true, draws, random) for block in _blocks(group)]
    found: list[tuple[Flags, Flags]] = []
    for subject in group.subjects:
        outcomes = [part[subject.metric] for part in parts]
        for gate in subject.gates:
            ends = _ends(simulation, gate, outcomes)
            found.append((np.stack([~best for best, _ in ends]), np.stack([w for _, w in ends])))
    return found


def _blocks(group: Group) -> list[Group]:
    """Return a group's cases dealt out, each block with some of every kind; all, if known."""

    def part(cases: int, block: int) -> int:
        return cases * (block + 1) // BLOCKS - cases * block // BLOCKS

    if not all(subject.is_share for subject in group.subjects):
        return [group]
    return [
        replace(group, classes=tuple((m, part(cases, block)) for m, cases in group.classes))
        for block in range(BLOCKS)
    ]


def _ends(
    simulation: Simulation, gate: Gate, outcomes: Sequence[Outcomes]
) -> list[tuple[Flags, Flags]]:
    """Return which draws pass with the best and with the worst that can still come, by block."""
    first = outcomes[0]
    if not isinstance(first, Shares):
        known = simulation.judged(gate, first)
        return [(known, known)] * BLOCKS
    shares = [one for one in outcomes if isinstance(one, Shares)]
    ends: list[tuple[Flags, Flags]] = []
    for seen in range(1, BLOCKS + 1):
        asked = sum((one.counts for one in shares[1:seen]), first.counts)
        left = sum((one.counts for one in shares[seen:]), 0 * first.counts)
        best, worst = (
            simulation.judged(gate, Shares(first.subject, asked + _all(left, good=good)))
            for good in (True, False)
        )
        ends.append((best, worst))
    return ends


def _all(counts: NDArray[np.int64], *, good: bool) -> NDArray[np.int64]:
    """Return the same cases with the candidate good, or bad, in each."""
    moved = 0 * counts
    for place, (root, _, other) in enumerate(CELLS):
        moved[..., CELLS.index((root, good, other))] += counts[..., place]
    return moved
