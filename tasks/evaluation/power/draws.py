"""Draws how figures come out, of models whose levels are known: thousands of evaluations at once.

A case of a share is good or bad for each model. The candidate is a variant of a root (the model it
is compared with): so many of the root's cases change that the two differ in the share `changed`,
and the levels are as asked; the other model is another variant. Figures over the same cases share
their luck in the part TOGETHER of the cases (what one loses, the others lose), and have each their
own in the rest. So only counts matter, and one multinomial draw is an evaluation.

A figure that is no share is drawn record by record: the root's value is normal between records with
the deviation `spread`, a variant's differs by a normal one with the deviation `changed`; of a
perplexity both are in nats a token. Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from model_registry.power.shares import paired_interval, share_interval
from model_registry.scorecard import PERPLEXITY, Estimate, Role
from tasks.evaluation.intervals import (
    bootstrap,
    mean_of,
    perplexities_apart,
    perplexity_of,
)
from tasks.evaluation.power.subjects import Group, Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

TOGETHER = 0.5
TOKENS, TOKENS_SPREAD = 100.0, 0.5  # of a held-out record: the median, and its logarithm's spread
# The kinds of a case, by (root is good, candidate is good); each with the other model bad, good.
# In this order what one figure loses lies where another loses, when both are drawn by one number.
_KINDS = ((True, False), (False, False), (True, True), (False, True))
CELLS = tuple((root, candidate, other) for root, candidate in _KINDS for other in (False, True))


@dataclass(frozen=True)
class Levels:
    """The true level of each model for one figure."""

    base: float
    champion: float
    candidate: float


def cells_of(subject: Subject, levels: Levels) -> Floats:
    """Return the chance of each of CELLS."""
    import numpy as np

    good = {
        role: level if subject.higher_is_better else 1 - level
        for role, level in vars(levels).items()
    }
    root, other = good[subject.root], good[_other(subject)]
    loss, gain = _flips(root, good["candidate"], subject.assumed.changed)
    kinds = (loss, 1 - root - gain, root - loss, gain)
    loss, gain = _flips(root, other, subject.assumed.changed)
    other_good = {True: 1 - loss / root if root else 0.0, False: gain / (1 - root or 1.0)}
    cells = [
        chance * (other_good[is_good] if other_is else 1 - other_good[is_good])
        for chance, (is_good, _) in zip(kinds, _KINDS, strict=True)
        for other_is in (False, True)
    ]
    return np.maximum(cells, 0.0) / np.sum(np.maximum(cells, 0.0))


def _other(subject: Subject) -> Role:
    return "champion" if subject.root == "base" else "base"


def _flips(root: float, level: float, changed: float) -> tuple[float, float]:
    """Return the shares of all cases that a variant of `root` with a `level` loses and gains."""
    fall = root - level
    either = min(max(changed, abs(fall)), 2 * root - fall, 2 * (1 - root) + fall)
    return (either + fall) / 2, (either - fall) / 2


def joint_cells(each: Sequence[Floats]) -> Floats:
    """Return the chance of each combination of the figures' cells, one axis a figure."""
    import numpy as np

    apart = each[0]
    for cells in each[1:]:
        apart = np.multiply.outer(apart, cells)
    if len(each) == 1:
        return apart
    alike = np.zeros_like(apart)
    ends = [np.minimum(1.0, np.cumsum(cells)) for cells in each]
    edges = np.unique(np.concatenate([[0.0, 1.0], *ends]))
    for low, high in pairwise(edges):
        place = tuple(min(int(np.searchsorted(e, (low + high) / 2)), len(CELLS) - 1) for e in ends)
        alike[place] += high - low
    return TOGETHER * alike + (1 - TOGETHER) * apart


class Shares:
    """How often each cell came in each draw: the outcomes of a figure that is a share."""

    def __init__(self, subject: Subject, counts: Counts) -> None:
        self.subject, self.counts = subject, counts

    def of(self, *, root: bool | None = None, candidate: bool | None = None) -> Counts:
        """Return how many cases are good (True) or bad for those named, draw by draw."""
        wanted = [
            place
            for place, (is_root, is_candidate, _) in enumerate(CELLS)
            if root in (None, is_root) and candidate in (None, is_candidate)
        ]
        return self.counts[..., wanted].sum(axis=-1)

    def changes(self, against: Role) -> tuple[Counts, Counts]:
        """Return the cases won and lost against a model, in what is good."""
        place = 0 if against == self.subject.root else 2
        won = [i for i, cell in enumerate(CELLS) if cell[1] and not cell[place]]
        lost = [i for i, cell in enumerate(CELLS) if cell[place] and not cell[1]]
        return self.counts[..., won].sum(axis=-1), self.counts[..., lost].sum(axis=-1)

    def estimates(self, against: Role | None) -> tuple[list[Estimate], Counts]:
        """Return the different figures that came out, and which of them each draw has."""
        import numpy as np

        more, n = self.subject.higher_is_better, int(self.counts[0].sum())
        if against is None:
            hits, which = np.unique(self.of(candidate=more), return_inverse=True)
            return _as_estimates(hits / n, share_interval(hits, n), n), which
        won, lost = self.changes(against)
        gains, losses = (won, lost) if more else (lost, won)
        pairs, which = np.unique(np.stack([gains, losses]), axis=1, return_inverse=True)
        value = (pairs[0] - pairs[1]) / n
        return _as_estimates(value, paired_interval(pairs[0], pairs[1], n), n), which.ravel()


class Records:
    """Every record's value under each model in each draw: the outcomes of any other figure."""

    def __init__(self, subject: Subject, columns: Mapping[Role, Floats], tokens: Floats) -> None:
        self.subject, self.columns, self.tokens = subject, columns, tokens

    def estimates(self, against: Role | None) -> tuple[list[Estimate], Counts]:
        """Return every draw's figure, with the product's own resamples."""
        import numpy as np

        found: list[Estimate] = []
        draws, n = self.tokens.shape
        for start in range(0, draws, 500):
            part = slice(start, start + 500)
            value, *ends = self._resampled(part, against)
            found += _as_estimates(value, (ends[0], ends[1]), n)
        return found, np.arange(draws)

    def _resampled(self, part: slice, against: Role | None) -> tuple[Floats, Floats, Floats]:
        drawn: Any = {"seed": 0, "key": self.subject.metric}
        own, tokens = self.columns["candidate"][part], self.tokens[part]
        perplexity = self.subject.unit == PERPLEXITY
        if against is None:
            columns = [own, tokens] if perplexity else [own]
            return bootstrap(columns, perplexity_of if perplexity else mean_of, **drawn)
        other = self.columns[against][part]
        if perplexity:
            return bootstrap([own, other, tokens, tokens], perplexities_apart, **drawn)
        return bootstrap([own - other], mean_of, **drawn)


Outcomes = Shares | Records


def draw(
    group: Group, levels: Mapping[str, Levels], draws: int, random: np.random.Generator
) -> dict[str, Outcomes]:
    """Return the outcomes of a group's figures, by metric, of models with these levels."""
    import numpy as np

    found: dict[str, Outcomes] = {
        subject.metric: _records(
            subject, levels[subject.metric], (draws, group.cases(subject.metric)), random
        )
        for subject in group.subjects
        if not subject.is_share
    }
    each = {
        place: cells_of(subject, levels[subject.metric])
        for place, subject in enumerate(group.subjects)
        if subject.is_share
    }
    counts = {place: np.zeros((draws, len(CELLS)), dtype=np.int64) for place in each}
    for counted, cases in group.classes:
        members = [place for place in counted if place in each]
        if not members:
            continue
        joint = joint_cells([each[place] for place in members])
        shape = (draws, *joint.shape)
        drawn = random.multinomial(cases, joint.ravel() / joint.sum(), size=draws).reshape(shape)
        for axis, place in enumerate(members, start=1):
            beside = tuple(other for other in range(1, drawn.ndim) if other != axis)
            counts[place] += drawn.sum(axis=beside)
    shares = {place: group.subjects[place] for place in each}
    return found | {s.metric: Shares(s, counts[place]) for place, s in shares.items()}


def _records(
    subject: Subject, levels: Levels, shape: tuple[int, int], random: np.random.Generator
) -> Records:
    import numpy as np

    perplexity = subject.unit == PERPLEXITY
    level = {role: math.log(value) if perplexity else value for role, value in vars(levels).items()}
    tokens = np.round(TOKENS * np.exp(TOKENS_SPREAD * random.standard_normal(shape))) + 1
    root = level[subject.root] + subject.assumed.spread * random.standard_normal(shape)
    columns: dict[Role, Floats] = {subject.root: root}
    variants: tuple[Role, ...] = ("candidate", _other(subject))
    for role in variants:
        moved = level[role] - level[subject.root]
        columns[role] = root + moved + subject.assumed.changed * random.standard_normal(shape)
    if perplexity:
        columns = {role: rates * tokens for role, rates in columns.items()}
    return Records(subject, columns, tokens)


def _as_estimates(value: Floats, ends: tuple[Floats, Floats], n: int) -> list[Estimate]:
    rows = zip(value.tolist(), ends[0].tolist(), ends[1].tolist(), strict=True)
    return [Estimate(value=v, low=low, high=high, n=n) for v, low, high in rows]
