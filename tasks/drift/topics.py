"""The topics of a reference: groups of like questions, found by k-means over their embeddings.

What users ask comes in lumps: an hour is full of one topic, and the next of another. That is no
drift as long as the topics are known, so a window is compared with what the reference says *about
the topics that the window has*. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROWS_A_TOPIC = 20
MOST = 400


@dataclass(frozen=True)
class Topics:
    """`centres` are [k, width]; `of_reference` [n] is each reference row's topic, 0 to k - 1."""

    centres: Any
    of_reference: Any

    def __len__(self) -> int:
        """Return how many topics there are."""
        return len(self.centres)

    def nearest(self, embeddings: Any) -> Any:
        """Return the topic of each row of [n, width]."""
        import numpy as np

        # Of unit vectors: the nearest centre has the largest product, less half its own square.
        penalty = (self.centres**2).sum(axis=1) / 2
        return np.argmax(embeddings @ self.centres.T - penalty, axis=1)


def find_topics(embeddings: Any, seed: int, rows_a_topic: int = ROWS_A_TOPIC) -> Topics:
    """Group the reference's questions [n, width]; the same questions give the same groups."""
    import numpy as np
    from sklearn.cluster import KMeans

    different = np.unique(embeddings, axis=0)
    wanted = min(MOST, max(2, len(embeddings) // rows_a_topic), len(different))
    # Random rows to begin with: k-means++ took twenty times as long for centres no better.
    once: Any = 1  # the annotation of scikit-learn 1.9 knows words alone
    model = KMeans(wanted, init="random", n_init=once, max_iter=20, random_state=seed)
    model.fit(different)
    centres = np.asarray(model.cluster_centers_, dtype=np.float32)
    return Topics(centres, Topics(centres, None).nearest(embeddings))
