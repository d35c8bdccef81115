"""How often the intervals of calibration error and AUROC hold the truth, by drawing answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_registry.power.shares import share_interval
from tasks.evaluation.calibration import (
    Answers,
    Drawn,
    auroc,
    bins_of,
    calibration_error,
    estimate,
    expected_error,
)

Floats = NDArray[np.float64]
CASES = (60, 420)
DRAWS = 400
MANY = 400_000  # answers whose figure is taken for the truth


class World(NamedTuple):
    """A model: Beta's parameters of its confidence, and the chance that it is right."""

    name: str
    one: float
    other: float
    chance: Callable[[Floats], Floats]

    def draw(self, n: int, random: np.random.Generator) -> Answers:
        """Return answers."""
        sure = random.beta(self.one, self.other, n)
        return Answers(sure, (random.random(n) < self.chance(sure)).astype(float))


def _level(level: float) -> Callable[[Floats], Floats]:
    def chance(sure: Floats) -> Floats:
        return np.full_like(sure, level)

    return chance


def _power(power: float, times: float = 1.0) -> Callable[[Floats], Floats]:
    def chance(sure: Floats) -> Floats:
        return times * sure**power

    return chance


def _steep(sure: Floats) -> Floats:
    return 1 / (1 + np.exp(8 - 16 * sure))


WORLDS = (
    World("calibrated, spread", 2, 2, _power(1)),
    World("calibrated, mostly sure", 30, 1, _power(1)),
    World("overconfident", 8, 2, _power(3)),
    World("sure, mostly wrong", 8, 2, _power(1, 0.3)),
    World("sure whatever it says, 97% right", 8, 2, _level(0.97)),
    World("knows nothing of it, half right", 8, 2, _level(0.5)),
    World("tells right from wrong well", 2, 2, _steep),
)


def confidence() -> float:
    """Print a table; return the least share that holds the truth, at its interval's high end."""
    print(f"\nConfidence, by drawing ({DRAWS} samples each): intervals that hold the truth\n")
    print("| model | cases | error: truth, plain ECE, ours | held | AUROC: truth | held | none |")
    print("|---|---|---|---|---|---|---|")
    least = 1.0
    for world in WORLDS:
        for n in CASES:
            least = min(least, *_row(world, n))
    return least


def _row(world: World, n: int) -> tuple[float, float]:
    random = np.random.default_rng(n)
    many = world.draw(MANY, random)
    error, area = _true_error(world, many, n), auroc_of(many)
    held, none, ours, plain = np.zeros(2), 0, 0.0, 0.0
    for seed in range(DRAWS):
        answers = world.draw(n, random)
        found = calibration_error(answers, seed=seed, key="bench")
        ours, plain = ours + found.value, plain + expected_error(bins_of(answers))
        held[0] += _holds(found, n, error)
        second = auroc(answers, seed=seed, key="bench")
        none += not second.could_be  # no interval is no claim
        held[1] += not second.could_be or _holds(second, n, area)
    held /= DRAWS
    print(
        f"| {world.name} | {n} | {error:.3f}, {plain / DRAWS:.3f}, {ours / DRAWS:.3f} |"
        f" {held[0]:.3f} | {area:.3f} | {held[1]:.3f} | {none / DRAWS:.0%} |",
        flush=True,
    )
    most = share_interval(np.round(held * DRAWS), DRAWS)[1]
    return float(most[0]), float(most[1])


def _holds(found: Drawn, n: int, truth: float) -> bool:
    one = estimate(found, n)
    if one.low is None or one.high is None:
        return True
    return one.low - 1e-9 <= truth <= one.high + 1e-9


def _true_error(world: World, many: Answers, n: int) -> float:
    """Return the error over as many bins as n cases have."""
    bins = len(bins_of(Answers(many.confidence[:n], many.right[:n])).size)
    sure = np.sort(many.confidence)[: MANY - MANY % bins].reshape(bins, -1)
    gaps = sure.mean(axis=1) - world.chance(sure).mean(axis=1)
    return math.sqrt(float((gaps**2).mean()))


def auroc_of(many: Answers) -> float:
    """Return the AUROC of many answers, by ranks."""
    rank = np.empty(len(many.right))
    rank[np.argsort(many.confidence)] = np.arange(1, len(rank) + 1)
    hits = many.right.sum()
    wins = (rank * many.right).sum() - hits * (hits + 1) / 2
    return float(wins / (hits * (len(rank) - hits)))
