"""Which chunks are nearest to a question, ranked alike whoever looked for them.

Whatever searches names the places among which the nearest are: by products in float32, which round
as the library's order of adding has it. The order is then of products in float64, in which those of
float32 are exact, and of the place where two are equal, so that every search that misses nothing
gives the same chunks in the same order. Pure; needs numpy.
"""

from __future__ import annotations

from typing import Any, Protocol

SLACK = 1e-4  # of a cosine; unit vectors of 4,096 float32 numbers, multiplied, are less apart


class Near(Protocol):
    """Something that looks through vectors."""

    def near(self, vector: Any, most: int) -> Any:
        """Return places (int64, in any order) that hold the nearest `most`; more may be named."""
        ...


class Compared:
    """Vectors that are all compared: float32 [n, d]."""

    def __init__(self, vectors: Any) -> None:
        self._vectors = vectors

    def near(self, vector: Any, most: int) -> Any:
        """Return the places of all that may be among the nearest `most`."""
        import numpy as np

        scores = self._vectors @ vector
        if most >= len(scores):
            return np.arange(len(scores))
        least = np.partition(scores, len(scores) - most)[len(scores) - most]
        return np.flatnonzero(scores >= least - SLACK)


def ranked(vectors: Any, places: Any, vector: Any, most: int) -> list[tuple[int, float]]:
    """Return (place, cosine) of the nearest among some places, best first."""
    import numpy as np

    places = np.sort(places)
    scores = (vectors[places].astype(np.float64) * vector.astype(np.float64)).sum(axis=1)
    order = np.argsort(-scores, kind="stable")[:most]
    return [(int(places[one]), float(scores[one])) for one in order]
