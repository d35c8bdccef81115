"""What quiet windows look like: windows drawn from the reference itself, and the limits they set.

Two kinds are drawn: rows at random, and *lumpy* ones in which few topics make up most of the window
(shares from a Dirichlet distribution). A limit is what so few of either exceed, over all signals
together (the largest deviation of each simulated window, Westfall and Young's max-T), that false
alarms stay below the shares in `Budget`. Needs only scores; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from data_contracts.records import Frozen
from tasks.drift.standard import Standard

WINDOWS = 2000  # simulated, of each kind
_ROWS = 1000  # of a simulated window at most: standard errors no longer change their tail beyond
_CONCENTRATION = 10.0  # of the Dirichlet distribution: some 11 topics make up a lumpy window
_LEAST = 2.33  # standard errors: a score that never varies in the reference has none of its own


class Budget(Frozen):
    """How often a window without drift may look as if it had some.

    `plain` is the share of windows drawn at random, `lumpy` of those where known topics stand out.
    """

    plain: float = Field(default=0.004, gt=0, lt=0.5)
    lumpy: float = Field(default=0.02, gt=0, lt=0.5)


@dataclass(frozen=True)
class Columns:
    """Of m scores: the signal of each, 0 to s - 1, if less counts too, and if it is of answers."""

    signal: Any
    both_ways: Any
    of_answers: Any

    def largest(self, deviations: Any) -> Any:
        """Return each signal's largest deviation, [..., s], of [..., m] in standard errors."""
        import numpy as np

        seen = np.where(self.both_ways, np.abs(deviations), deviations)
        parts = [seen[..., self.signal == one].max(axis=-1) for one in range(self.signal.max() + 1)]
        return np.stack(parts, axis=-1)


@dataclass(frozen=True)
class Limits:
    """`signals` [s]: the standard errors above which a signal has drifted; `worst` for `p_value`.

    `scale` [s] makes the signals comparable; `worst` holds, sorted, the largest scaled deviation of
    each window drawn at random.
    """

    signals: Any
    scale: Any
    worst: Any

    def p_value(self, deviations: Any) -> float:
        """Return how often a quiet window's worst signal deviates as much as these [s] do."""
        import numpy as np

        worst = float(np.max(deviations / self.scale))
        beyond = len(self.worst) - int(np.searchsorted(self.worst, worst, side="left"))
        return (beyond + 1) / (len(self.worst) + 1)


def limits_for(
    size: int,
    scores: Any,
    topics: Any,
    standard: Standard,
    columns: Columns,
    budget: Budget,
    seed: int,
) -> Limits:
    """Return the limits for windows of so many rows, from the reference's scores [n, m]."""
    import numpy as np

    rng = np.random.default_rng(seed)
    size = min(size, _ROWS)
    members = [np.flatnonzero(topics == one) for one in range(len(standard.means))]
    plain, lumpy = (
        columns.largest(
            np.stack([_drawn(draw(), scores, topics, standard) for _ in range(WINDOWS)])
        )
        for draw in (
            lambda: rng.integers(0, len(scores), size),
            lambda: lumpy_rows(members, size, rng),
        )
    )
    scale = np.maximum(np.quantile(plain, 0.99, axis=0), _LEAST)
    worst = np.sort((plain / scale).max(axis=1))
    least = max(
        np.quantile(worst, 1 - budget.plain),
        np.quantile((lumpy / scale).max(axis=1), 1 - budget.lumpy),
    )
    return Limits(scale * least, scale, worst)


def lumpy_rows(members: list[Any], size: int, rng: Any) -> Any:
    """Draw the places of so many rows, most of them from a few topics, with replacement."""
    import numpy as np

    counts = np.array([len(rows) for rows in members])
    shares = rng.dirichlet(np.maximum(counts / counts.sum() * _CONCENTRATION, 1e-3))
    shares = np.where(counts > 0, shares, 0)
    wanted = rng.multinomial(size, shares / shares.sum())
    drawn = [members[k][rng.integers(0, counts[k], wanted[k])] for k in np.flatnonzero(wanted)]
    return np.concatenate(drawn)


def _drawn(places: Any, scores: Any, topics: Any, standard: Standard) -> Any:
    return standard.deviations(scores[places], topics[places], places, own=True)[1]
