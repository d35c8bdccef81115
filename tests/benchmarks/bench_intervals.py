"""`make bench-intervals`: how often the scorecard's intervals hold the truth, where 95% is said.

Shares and paired shares exactly, by summing over every outcome; beside ours Wilson's interval, and
for pairs the two that ours is the wider of, and Wald's. Means, perplexities and figures of
confidence by drawing. Ends with exit code 1 where one of ours holds the truth in less than 93%, or
is of no width. `--confidence` does the last part alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import binom, t

from model_registry.power.least import FEWEST
from model_registry.power.shares import paired_interval, share_interval
from tasks.evaluation.intervals import (
    bootstrap,
    mean_of,
    perplexities_apart,
    perplexity_of,
)
from tests.benchmarks.intervals.confidence import confidence

Floats = NDArray[np.float64]
Ends = tuple[Floats, Floats]
LEAST = 0.93
Z = 1.959964
CASES = (5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 300, 500)
# The shares of cases won and lost in truth: none, one-sided, and both ways in several proportions.
CHANGES = [
    (0.0, 0.0),
    *[(share, 0.0) for share in (*np.geomspace(0.002, 0.05, 12), *np.linspace(0.06, 0.98, 24))],
    *[
        (part * share, (1 - part) * share)
        for part in (0.1, 0.25, 0.5)
        for share in np.linspace(0.01, 0.98, 24)
    ],
]
DRAWS = 4000


def main() -> int:
    """Print the tables; return 1 if an interval of ours holds too little."""
    alone = sys.argv[1:] == ["--confidence"]
    worst = [confidence()] if alone else [_shares(), _pairs(), _drawn(), confidence()]
    fine = min(worst) >= LEAST
    print(f"\nleast of ours: {min(worst):.3f} ({'at' if fine else 'NOT at'} least {LEAST})")
    return 0 if fine else 1


def _shares() -> float:
    truths = np.unique(np.concatenate([np.linspace(0, 1, 401), np.geomspace(1e-4, 0.02, 60)]))
    print("A share: least coverage over 460 truths from 0 to 1\n")
    print("| cases | Clopper and Pearson | Wilson |\n|---|---|---|")
    least = 1.0
    for n in CASES:
        hits = np.arange(n + 1)
        low, high = share_interval(hits, n)
        assert np.all(high > low)
        ours, wilson = (_held(hits, ends, truths, n) for ends in ((low, high), _wilson(hits, n)))
        print(f"| {n} | {ours:.3f} | {wilson:.3f} |")
        least = min(least, ours)
    return least


def _held(hits: NDArray[np.int64], ends: Ends, truths: Floats, n: int) -> float:
    chance = binom.pmf(hits[None, :], n, truths[:, None])
    inside = (ends[0] <= truths[:, None]) & (truths[:, None] <= ends[1])
    return float((chance * inside).sum(axis=1).min())


def _wilson(hits: NDArray[np.int64], n: int) -> Ends:
    z, share = Z, hits / n
    middle = (share + z * z / 2 / n) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return np.where(hits > 0, middle - half, 0.0), np.where(hits < n, middle + half, 1.0)


def _pairs() -> float:
    methods: dict[str, Callable[[Floats, Floats, int], Ends]] = {
        "ours": paired_interval,
        "Bonett and Price, with t": _adjusted,
        "Tango": _tango,
        "Wald": _wald,
    }
    print("\nA paired difference: least coverage over the truths, and at which (won, lost)\n")
    print(f"| cases | {' | '.join(methods)} |\n|{'---|' * (len(methods) + 1)}")
    least = 1.0
    for n in CASES:
        gains, losses = (grid.ravel().astype(float) for grid in np.indices((n + 1, n + 1)))
        able = gains + losses <= n
        gains, losses = gains[able], losses[able]
        cells: list[str] = []
        for method in methods.values():
            low, high = method(gains, losses, n)
            found = {truth: _held_pairs(gains, losses, n, (low, high), truth) for truth in CHANGES}
            where = min(found, key=lambda truth: found[truth])
            cells.append(f"{found[where]:.3f} at ({where[0]:.3f}, {where[1]:.3f})")
            if method is paired_interval:
                assert np.all(high > low)
                least = min(least, found[where])
        print(f"| {n} | {' | '.join(cells)} |")
    return least


def _held_pairs(
    gains: Floats, losses: Floats, n: int, ends: Ends, truth: tuple[float, float]
) -> float:
    won, lost = truth
    rest = n - gains - losses
    chance = np.exp(
        gammaln(n + 1)
        - gammaln(gains + 1)
        - gammaln(losses + 1)
        - gammaln(rest + 1)
        + xlogy(gains, won)
        + xlogy(losses, lost)
        + xlogy(rest, 1 - won - lost)
    )
    tiny = 1e-9  # the ends are found to this
    inside = (ends[0] <= won - lost + tiny) & (won - lost - tiny <= ends[1])
    return float((chance * inside).sum())


def _wald(gains: Floats, losses: Floats, n: int) -> Ends:
    value = (gains - losses) / n
    half = Z * np.sqrt(np.maximum(0, (gains + losses) / n - value**2) / n)
    return value - half, value + half


def _adjusted(gains: Floats, losses: Floats, n: int) -> Ends:
    won, lost = (gains + 1) / (n + 2), (losses + 1) / (n + 2)
    half = float(t.ppf(0.975, n)) * np.sqrt((won + lost - (won - lost) ** 2) / (n + 2))
    return won - lost - half, won - lost + half


def _tango(gains: Floats, losses: Floats, n: int) -> Ends:
    """Return the differences that a score test does not reject, found by halving."""

    def end(bound: float) -> Floats:
        inside, outside = (gains - losses) / n, np.full(gains.shape, bound)
        for _ in range(40):
            middle = (inside + outside) / 2
            b = -gains - losses + (2 * n - gains + losses) * middle
            c = -losses * middle * (1 - middle)
            losing = (np.sqrt(np.abs(b * b - 8 * n * c)) - b) / 4 / n
            variance = n * (2 * losing + middle * (1 - middle))
            inner = (gains - losses - n * middle) ** 2 <= Z * Z * variance
            inside, outside = np.where(inner, middle, inside), np.where(inner, outside, middle)
        return outside

    return end(-1.0), end(1.0)


def _drawn() -> float:
    """Draw figures that are no shares: the truth is that of many records."""
    print(f"\nBy drawing ({DRAWS:,} samples): the bootstrap with Student's tails\n")
    kinds = dict(_kinds())
    cases = [n for n in CASES if n >= FEWEST]
    print(f"| cases | {' | '.join(kinds)} |\n|{'---|' * (len(kinds) + 1)}")
    least = 1.0
    for n in cases:
        cells: list[str] = []
        for make in kinds.values():
            held = make(n)
            least = min(least, held)
            cells.append(f"{held:.3f}")
        print(f"| {n} | {' | '.join(cells)} |")
    return least


def _kinds() -> Iterator[tuple[str, Callable[[int], float]]]:
    random = np.random.default_rng(11)

    def covered(columns: list[Floats], statistic: Callable[..., Floats], truth: float) -> float:
        held = 0
        for start in range(0, DRAWS, 250):
            part = [column[start : start + 250] for column in columns]
            _, low, high = bootstrap(part, statistic, seed=start, key="bench")
            unsure = np.isnan(low)  # no interval is no claim
            assert np.all(unsure | (high > low))
            held += int((unsure | ((low <= truth) & (truth <= high))).sum())
        return held / DRAWS

    def normal(n: int) -> float:
        return covered([random.normal(0.2, 1.0, (DRAWS, n))], mean_of, 0.2)

    def ratings(n: int) -> float:
        marks, shares = np.arange(1.0, 6.0), [0.05, 0.1, 0.2, 0.4, 0.25]
        rated = random.choice(marks, size=(DRAWS, n), p=shares)
        return covered([rated], mean_of, float(marks @ shares))

    def rated_apart(n: int) -> float:
        change = random.choice(
            [-2.0, -1.0, 0.0, 1.0, 2.0], (DRAWS, n), p=[0.05, 0.15, 0.6, 0.15, 0.05]
        )
        return covered([change], mean_of, 0.0)

    def lengths(n: int) -> float:
        spread = 0.5
        drawn = np.exp(random.normal(3.0, spread, (DRAWS, n)))
        return covered([drawn], mean_of, math.exp(3.0 + spread**2 / 2))

    def records(n: int) -> tuple[Floats, Floats]:
        tokens: Floats = np.exp(random.normal(math.log(100), 0.5, (DRAWS, n)))
        return random.normal(1.8, 0.5, (DRAWS, n)), tokens

    def one_perplexity(n: int) -> float:
        rates, tokens = records(n)
        return covered([rates * tokens, tokens], perplexity_of, math.exp(1.8))

    def two_perplexities(n: int) -> float:
        rates, tokens = records(n)
        other = rates + random.normal(0.02, 0.05, rates.shape)
        columns = [other * tokens, rates * tokens, tokens, tokens]
        return covered(columns, perplexities_apart, math.exp(1.82) - math.exp(1.8))

    yield "normal values", normal
    yield "ratings 1 to 5", ratings
    yield "ratings apart", rated_apart
    yield "lengths (lognormal, 0.5)", lengths
    yield "perplexity", one_perplexity
    yield "perplexities apart", two_perplexities


if __name__ == "__main__":
    sys.exit(main())
