"""Compare a window's mean scores with the reference's, topic by topic, and say how sure that is.

The expectation is standardised: the reference's mean of each topic, weighted by how often the
window asks about it. Means of few rows are shrunk towards the mean of all (empirical Bayes). The
error has two parts: rows are a sample, and a window that is full of few topics stands or falls with
those few, whose own means are not known exactly. So the same difference says less in a lumpy
window. Pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

_LIKE_ALL = 10.0  # rows' worth of the variance in all topics that each topic's own begins with
_KEPT = 1.0  # of the variance between topics, that what is asked within one may differ by


@dataclass(frozen=True)
class Standard:
    """What the reference says of m scores in k topics.

    `means` [k, m] are the topics' shrunk means, `between` [k, m] the variances of what is not known
    of them, `within` [k, m] those of single rows in a topic; `rows` says of how many rows the means
    are: a number for each score [m], or one for all.
    """

    means: Any
    between: Any
    within: Any
    rows: Any

    def corrected(self, difference: Any, rows: Any) -> Standard:
        """Return the same with all means moved by what so many other rows differ, both [m].

        Such as held-out ones: rows of one conversation are nearer to one another than to the next
        one's.
        """
        import numpy as np

        return replace(self, means=self.means + difference, rows=np.minimum(self.rows, rows))

    def deviations(
        self, scores: Any, topics: Any, questions: Any, *, own: bool = False
    ) -> tuple[Any, Any]:
        """Return (differences from what is expected, the same in standard errors), both [m].

        `scores` are [n, m], `topics` and `questions` [n]: rows with the same question say little
        more than one of them, so what counts is how many there would be if each came as often
        (Kish's effective sample size). `own` says that the rows were drawn from the reference
        itself, whose own error then is none.
        """
        import numpy as np

        shares = np.bincount(topics, minlength=len(self.means)) / len(topics)
        difference = scores.mean(axis=0) - shares @ self.means
        _, times = np.unique(questions, return_counts=True)
        one = float((times.astype(float) ** 2).sum()) / len(topics) ** 2
        single = shares @ self.within
        # A question more or less is no news: without it one rare row in a small window would be.
        variance = shares**2 @ self.between + single * one + one**2
        if not own:
            variance = variance + single / self.rows
        return difference, difference / np.sqrt(variance)


def standard_of(scores: Any, topics: Any, k: int) -> Standard:
    """Return what reference rows say: `scores` [n, m], each row's topic, 0 to k - 1."""
    import numpy as np

    rows, columns = scores.shape
    mean, counts = scores.mean(axis=0), np.bincount(topics, minlength=k)
    sums = np.stack([np.bincount(topics, scores[:, j], k) for j in range(columns)], axis=1)
    own = sums / np.maximum(counts, 1)[:, None]
    squares = np.stack([np.bincount(topics, scores[:, j] ** 2, k) for j in range(columns)], axis=1)
    spread = squares - counts[:, None] * own**2  # of each topic, summed over its rows
    # A score that never varied may still do so once in as many rows.
    within = np.maximum(spread.sum(axis=0) / max(rows - k, 1), 1 / (rows + 2))
    apart = (counts[:, None] * (own - mean) ** 2).sum(axis=0) / rows
    tau = np.maximum(1e-9, apart - within * (k - 1) / rows)
    noise = within / np.maximum(counts, 1)[:, None]
    trust = np.where(counts[:, None] > 0, tau / (tau + noise), 0.0)
    means = mean + (own - mean) * trust
    between = np.maximum(tau * (1 - trust), tau * _KEPT)
    some = (spread + _LIKE_ALL * within) / (counts[:, None] + _LIKE_ALL)
    return Standard(means, between, some, rows)
