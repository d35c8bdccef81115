"""Signal: questions that are like none of the reference's."""

from __future__ import annotations

from typing import Any

from tasks.drift.rows import Rows
from tasks.drift.signals.signal import DriftSignal, Fitted, Means

_FEWEST, _MOST, _ROWS_EACH = 3, 20, 250
_OWN_SHARE = 0.5
_RARE = (0.02, 0.05, 0.1)
_SLACK = 1.15
_AT_ONCE = 1000


class Novelty(DriftSignal):
    """New topics: rows whose nearest questions in the reference are unusually far.

    How near a row is, is its mean cosine with its nearest different questions, less half of how
    near those have their own (a local scale, as in Breunig and others' local outlier factor, SIGMOD
    2000): in a topic of many wordings, rows lie further apart. Of 5,000 rows and more the third to
    the twentieth nearest count, of fewer ever fewer, down to the first three: the very nearest are
    passed over because large sets hold reworded copies that traffic doesn't. A row's p-value is its
    rank among the reference's own rows; 15 % more unusual rows than those have are let pass, as
    real sets had them between what was trained on and what came later. Scores are the shares of
    p-values below 2, 5 and 10 %, and how far below 10 % they are (logarithm), which sees few rows
    that are very far.
    """

    name = "new topics"
    unit = "share of questions like none of the reference's, 0 to 1"
    compares = "embeddings of questions with their nearest"
    threshold = 0.03
    both_ways = False

    def fit(self, reference: Rows) -> Fitted:
        """Learn how near the reference's questions are to one another."""
        import numpy as np

        base, places = np.unique(reference.embeddings, axis=0, return_inverse=True)
        similar, neighbours = _nearest(base, base, itself=True)
        near = similar.mean(axis=1)
        own = near - _OWN_SHARE * near[neighbours].mean(axis=1)
        ranks = np.sort(own[places])

        def scores(nearness: Any) -> Any:
            p = (np.searchsorted(ranks, nearness, side="right") + 0.5) / (len(ranks) + 1)
            tail = np.maximum(0.0, -np.log(p / _RARE[-1]))
            return np.stack([*(p < rare for rare in _RARE), tail], axis=1).astype(np.float64)

        def of(rows: Rows) -> Any:
            similar, neighbours = _nearest(rows.embeddings, base)
            return scores(similar.mean(axis=1) - _OWN_SHARE * near[neighbours].mean(axis=1))

        return Fitted(scores(own[places]) * _SLACK, of)

    def change(self, means: Means) -> tuple[float, str]:
        """Return the least share of new rows that explains as many unusual ones."""
        import numpy as np

        rare = np.array(_RARE)
        more = means.seen[: len(rare)] - means.expected[: len(rare)]
        share = max(0.0, float((more / (1 - rare)).max()))
        return share, f"{share:.1%} or more of the questions are like none of the reference's"


def _nearest(rows: Any, base: Any, *, itself: bool = False) -> tuple[Any, Any]:
    """Return cosines and places in `base` of each row's nearest, less the very nearest.

    `itself` says that row i is base's row i, which is no neighbour of its own.
    """
    import numpy as np

    wanted = min(_MOST, max(_FEWEST, len(base) // _ROWS_EACH))
    last = max(1, min(wanted, len(base) - itself))
    first = wanted // 8 if last == wanted else 0
    similar, neighbours = [], []
    for start in range(0, len(rows), _AT_ONCE):
        cosines = rows[start : start + _AT_ONCE] @ base.T
        if itself:
            lines = np.arange(len(cosines))
            cosines[lines, start + lines] = -1.0
        found = np.argpartition(-cosines, last - 1, axis=1)[:, :last]
        values = np.take_along_axis(cosines, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, first:]
        similar.append(np.take_along_axis(values, order, axis=1))
        neighbours.append(np.take_along_axis(found, order, axis=1))
    return np.concatenate(similar), np.concatenate(neighbours)
