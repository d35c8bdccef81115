"""What drift detection can tell with a reference: false alarms, and how much drift it finds.

Quiet windows are drawn from rows that the reference has not seen, drifted ones are such windows
with rows of a broad topic that was taken out of the reference, four times another one. Needs the
reference's rows and those held out; writes nothing.
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
PARTS = 4  # times that other topics are taken out: some lie too near known ones to be told
Kind = tuple[int, float, bool]  # rows, share that is new, lumpy
KINDS: tuple[Kind, ...] = tuple(
    (size, *mix)
    for size in SIZES
    for mix in ((0.0, False), (0.0, True), *((share, False) for share in SHARES))
)
FEWEST = 200  # rows that the quiet windows are drawn from: fewer say nothing of new windows
_BROAD = 8  # topics, one of which becomes new


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
    found: dict[Kind, list[float]] = {}
    known = quiet_rows = 0
    for stay, new in _splits(reference, seed):
        near = _about(reference, stay, held_out)
        places = np.arange(len(near))  # half of them correct what is expected, half are judged
        judge = Judge(reference.take(stay), near.take(places[places % 2 == 1]), budget, seed)
        near = near.take(places[places % 2 == 0])
        known, quiet_rows = known + len(stay), quiet_rows + len(near)
        quiet, fresh = (judge.scored(rows) for rows in (near, reference.take(new)))
        for kind in KINDS:
            if kind[0] > max(len(near), SIZES[0]):
                continue  # the same few rows again and again say nothing of so large a window
            hits = _found(judge, quiet, fresh, kind, max(1, windows // PARTS), rng)
            found.setdefault(kind, []).append(hits)
    return Calibration(
        reference_rows=known // PARTS,
        quiet_rows=quiet_rows // PARTS,
        held_out=enough,
        windows=PARTS * max(1, windows // PARTS),
        chances=tuple(
            Chance(rows=size, new=new, lumpy=lumpy, found=round(sum(hits) / len(hits), 4))
            for (size, new, lumpy), hits in found.items()
        ),
    )


def _splits(reference: Rows, seed: int) -> Iterator[tuple[Any, Any]]:
    """Yield the places of the rows that stay, and of those that become new.

    What becomes new is one of eight broad topics, another one each time.
    """
    import numpy as np

    broad = find_topics(reference.embeddings, seed, rows_a_topic=max(1, len(reference) // _BROAD))
    order = np.random.default_rng(seed).permutation(len(broad))
    for part in range(PARTS):
        new = broad.of_reference == order[part % len(order)]
        yield np.flatnonzero(~new), np.flatnonzero(new)


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


def _found(judge: Judge, quiet: Scored, fresh: Scored, kind: Kind, windows: int, rng: Any) -> float:
    """Return the share of drawn windows that are called drifted."""
    import numpy as np

    size, share, lumpy = kind
    members = [np.flatnonzero(quiet.topics == one) for one in range(len(judge.topics))]
    drifted = 0
    for _ in range(windows):
        others = int(rng.binomial(size, share))
        rows = size - others
        drawn = (
            lumpy_rows(members, rows, rng) if lumpy else rng.integers(0, len(quiet.topics), rows)
        )
        odd = rng.integers(0, len(fresh.topics), others)
        signals, _ = judge.of_scores(quiet.take(drawn).with_rows(fresh.take(odd)))
        drifted += any(signal.drifted for signal in signals)
    return drifted / windows
