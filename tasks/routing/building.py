"""Makes a router of requests that two models were asked: fitted, its threshold chosen, kept.

Needs the pairs and the encoder; writes router.json. On one part of the requests, by group, both
regressions are fitted, and the threshold is chosen that saves most of those whose loss, at
the upper end of its 95% interval, is within what may be lost; each request stands there with the
score of a twin that was fitted on other groups. The other part is looked at only to say how it
fares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.records import Frozen
from model_registry.scorecard import Estimate
from tasks.models.encoding import Encodes
from tasks.routing.curve import Columns, Prices, columns_of, routed, saved_share
from tasks.routing.model import (
    Kept,
    Router,
    Side,
    features_of,
    learn,
    scaled_by,
    scaling_of,
    write_router,
)
from tasks.routing.pairs import Pair, parted

Differences = Callable[[Sequence[float], Sequence[float], int, str], Estimate]
_STEPS = 100  # thresholds that are tried, each sends one in so many more


class Asked(Frozen):
    """What a router is for: both models, what their tokens cost, and the points it may lose."""

    small: Side
    large: Side
    prices: Prices
    points: float


class Part(NamedTuple):
    """A part of the requests: its columns, the encoder's tokens of each question, its features."""

    pairs: list[Pair]
    columns: Columns
    tokens: list[int]
    features: Any


def laid_out(pairs: Sequence[Pair], encoder: Encodes, prices: Prices) -> Part:
    """Return a part, encoded."""
    questions = [pair.question for pair in pairs]
    tokens = encoder.count(questions)
    features = features_of(encoder, questions, [pair.turns for pair in pairs])
    return Part(list(pairs), columns_of(pairs, tokens, prices), tokens, features)


def build_router(
    pairs: Sequence[Pair],
    asked: Asked,
    encoder: Encodes,
    folder: Path,
    *,
    seed: int,
    difference: Differences,
) -> dict[str, int]:
    """Write a router into a folder and return counts; InputError if there are too few pairs."""
    parts = {name: laid_out(some, encoder, asked.prices) for name, some in parted(pairs).items()}
    mine = parts["learn"]
    mean, scale = scaling_of(mine.features)
    scaled = scaled_by(mine.features, mean, scale)
    small, large = (
        learn(scaled, right, mine.columns.group)
        for right in (mine.columns.small, mine.columns.large)
    )
    nothing = Kept(asked=0, small=0, saved=0, lost=0, lost_low=0, lost_high=0)
    bare = Router(
        encoder=encoder.digest,
        small=asked.small,
        large=asked.large,
        prices=asked.prices,
        points=asked.points,
        mean=mean,
        scale=scale,
        small_head=small.head,
        large_head=large.head,
        threshold=None,
        chosen=None,
        held=nothing,
    )
    scores = small.chances - large.chances
    threshold, chosen = choose(mine.columns, scores, asked.points, seed, difference)
    found = bare.model_copy(update={"threshold": threshold, "chosen": chosen})
    held = parts["held"]
    sent = found.sends(found.scores(held.features))
    kept = fared(held.columns, sent, seed, difference)
    write_router(found.model_copy(update={"held": kept}), folder)
    return {"pairs": len(pairs), **{name: len(part.pairs) for name, part in parts.items()}}


def choose(
    columns: Columns, scores: Any, points: float, seed: int, difference: Differences
) -> tuple[float | None, Kept | None]:
    """Return the threshold that saves most of those that lose no more than `points` of 100.

    They are tried from the one that sends least, and at the first that may lose more it ends: of
    many that are looked at one does well by luck, and would be picked. In a fixed order, to the
    first failure, all that went before hold together as surely as each (Angelopoulos et al. (2021),
    "Learn then Test", arXiv:2110.01052: fixed sequence testing). None if there is none
    that saves anything: then nothing may be sent to the small model.
    """
    import numpy as np

    ranked = np.sort(np.asarray(scores))[::-1]
    places = {round(step * len(ranked) / _STEPS) for step in range(1, _STEPS + 1)} - {0}
    best: tuple[float | None, Kept | None] = (None, None)
    for threshold in sorted({float(ranked[place - 1]) for place in places}, reverse=True):
        kept = fared(columns, np.asarray(scores) >= threshold, seed, difference)
        if 100 * kept.lost_high > points:
            break
        if kept.saved > (best[1].saved if best[1] else 0.0):
            best = (threshold, kept)
    return best


def fared(columns: Columns, sent: Any, seed: int, difference: Differences) -> Kept:
    """Return how a decision fares on requests; of a loss without an interval the worst is taken."""
    lost = difference(columns.large.tolist(), routed(columns, sent).tolist(), seed, "router/lost")
    return Kept(
        asked=len(sent),
        small=int(sent.sum()),
        saved=float(saved_share(columns, sent)),
        lost=0.0 if lost.value is None else lost.value,
        lost_low=-1.0 if lost.low is None else lost.low,
        lost_high=1.0 if lost.high is None else lost.high,
    )
