"""What drift detection can tell with a reference: false alarms, and how much drift it finds.

Quiet windows are drawn from rows that the reference has not seen, drifted ones are such windows
with rows of topics that were taken out of the reference. Needs the reference's rows and those held
out; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_contracts.records import Frozen
from tasks.drift.judge import Judge, Scored
from tasks.drift.quiet import Budget, lumpy_rows
from tasks.drift.rows import Rows
from tasks.drift.topics import find_topics

SIZES = (50, 200, 1000, 5000)
SHARES = (0.05, 0.1, 0.2, 0.4)
FEWEST = 200  # rows that the quiet windows are drawn from: fewer say nothing of new windows
_LEFT_OUT = 0.15  # of the reference's rows: the topics that become new


class Chance(Frozen):
    """The share of windows of `rows` rows that were called drifted.

    `new` is the share of rows on topics that the reference does not have; `lumpy` says that few
    topics made up the window.
    """

    rows: int
    new: float
    lumpy: bool
    found: float


class Calibration(Frozen):
    """What came of it; `held_out` says that quiet windows came from rows kept out of training."""

    reference_rows: int
    quiet_rows: int
    held_out: bool
    windows: int
    chances: tuple[Chance, ...]


def calibrate(
    reference: Rows, held_out: Rows, budget: Budget, seed: int, windows: int = 200
) -> Calibration:
    """Judge so many drawn windows of every size and kind; the same rows give the same figures.

    Where too few rows were held out of training, a fifth of the reference stands in for them.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    enough = len(held_out) >= FEWEST
    if not enough:
        order = rng.permutation(len(reference))
        fifth = len(order) // 5
        reference, held_out = (
            reference.take(np.sort(places)) for places in (order[fifth:], order[:fifth])
        )
    known, new = _split_by_topic(reference, seed)
    judge = Judge(reference.take(known), budget, seed)
    quiet_rows = _about(reference, known, held_out)
    quiet, fresh = (judge.scored(rows) for rows in (quiet_rows, reference.take(new)))
    chances = [
        Chance(rows=size, new=share, lumpy=lumpy, found=round(found, 4))
        for size in SIZES
        for share, lumpy in ((0.0, False), (0.0, True), *((share, False) for share in SHARES))
        for found in [_found(judge, quiet, fresh, size, share, windows, rng, lumpy=lumpy)]
    ]
    return Calibration(
        reference_rows=len(known),
        quiet_rows=len(quiet_rows),
        held_out=enough,
        windows=windows,
        chances=tuple(chances),
    )


def _split_by_topic(reference: Rows, seed: int) -> tuple[Any, Any]:
    """Return the places of the rows that stay, and of those whose topics become new.

    What becomes new are whole neighbourhoods: coarse topics, up to a share of all rows.
    """
    import numpy as np

    coarse = find_topics(reference.embeddings, seed, rows_a_topic=max(10, len(reference) // 30))
    topics = coarse.of_reference
    order = np.random.default_rng(seed).permutation(len(coarse))
    sizes = np.bincount(topics, minlength=len(coarse))[order].cumsum()
    chosen = order[: max(1, int((sizes <= _LEFT_OUT * len(reference)).sum()))]
    new = np.isin(topics, chosen)
    return np.flatnonzero(~new), np.flatnonzero(new)


def _about(reference: Rows, known: Any, held_out: Rows) -> Rows:
    """Return the held-out rows whose nearest row of the reference stayed in it."""
    import numpy as np

    stayed = np.zeros(len(reference), dtype=bool)
    stayed[known] = True
    nearest = np.concatenate(
        [np.argmax(part @ reference.embeddings.T, axis=1) for part in _parts(held_out.embeddings)]
    )
    return held_out.take(np.flatnonzero(stayed[nearest]))


def _parts(vectors: Any) -> Iterator[Any]:
    for start in range(0, len(vectors), 1000):
        yield vectors[start : start + 1000]


def _found(
    judge: Judge,
    quiet: Scored,
    fresh: Scored,
    size: int,
    share: float,
    windows: int,
    rng: Any,
    *,
    lumpy: bool,
) -> float:
    """Return the share of drawn windows that are called drifted."""
    import numpy as np

    members = [np.flatnonzero(quiet.topics == one) for one in range(len(judge.topics))]
    drifted = 0
    for _ in range(windows):
        others = int(rng.binomial(size, share))
        rows = size - others
        drawn = (
            lumpy_rows(members, rows, rng) if lumpy else rng.integers(0, len(quiet.scores), rows)
        )
        odd = rng.integers(0, len(fresh.scores), others)
        signals, _ = judge.of_scores(quiet.take(drawn).with_rows(fresh.take(odd)))
        drifted += any(signal.drifted for signal in signals)
    return drifted / windows
