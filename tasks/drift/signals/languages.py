"""Signal: which languages users write in."""

from __future__ import annotations

from typing import Any

from tasks.drift.rows import Rows
from tasks.drift.signals.signal import DriftSignal, Fitted, Means

_KNOWN = 0.01  # of the reference's questions: a language that fewer are in is another one


class Languages(DriftSignal):
    """Questions in a language that the reference hardly has, or another mix of those it has."""

    name = "languages"
    unit = "change of a language's share, 0 to 1"
    compares = "languages of questions"
    threshold = 0.03
    both_ways = True

    def fit(self, reference: Rows) -> Fitted:
        """Learn which languages are usual."""
        import numpy as np

        codes, counts = np.unique(reference.languages, return_counts=True)
        usual = codes[counts >= _KNOWN * len(reference)]

        def scores(rows: Rows) -> Any:
            each = rows.languages[:, None] == usual[None, :]
            return np.concatenate([~each.any(axis=1, keepdims=True), each], axis=1).astype(float)

        return Fitted(scores(reference), scores)

    def change(self, means: Means) -> tuple[float, str]:
        """Return the largest change; the first score is of languages that are not usual."""
        import numpy as np

        moved = np.abs(means.seen - means.expected)
        others = f"{float(means.seen[0]):.1%} in languages that the reference hardly has"
        return float(moved.max()), others
