"""Signal: which words the questions use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.drift.signals.signal import DriftSignal, Measured, Sides
from tasks.drift.texts import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Vocabulary(DriftSignal):
    """Other words: Jensen-Shannon divergence of word frequencies in base 2.

    Two samples of one source differ too, the more the smaller they are. So the reference is split
    200 times into a part of the window's size and the rest, and the 99th percentile of their
    divergences is the floor. The rest is smaller than the reference: the floor errs upwards.
    """

    name = "vocabulary"
    unit = "Jensen-Shannon divergence, 0 to 1"
    compares = "word frequencies of questions"
    rule = "above the noise floor of the reference by the threshold"
    threshold = 0.02

    def measure(self, sides: Sides) -> Measured:
        """Compare the questions' words."""
        import numpy as np

        reference, window = sides.reference.prompts, sides.window.prompts
        rng = np.random.default_rng(sides.seed)
        size = min(len(window), len(reference) // 2)
        counts = _word_counts([*reference, *window])
        ours, theirs = counts[: len(reference)], counts[len(reference) :]
        sample = rng.permutation(len(window))[:size]
        total = _summed(ours)
        divergence = jensen_shannon(total, _summed(theirs[sample]))
        parts = (_summed(ours[rng.permutation(len(reference))[:size]]) for _ in range(200))
        noise = [jensen_shannon(total - part, part) for part in parts]
        floor = float(np.quantile(noise, 0.99))
        return Measured(
            statistic=divergence,
            threshold=floor + self.threshold,
            low=float(np.median(noise)),
            high=floor,
            drifted=divergence > floor + self.threshold,
            explanation=f"two samples of the reference of {size} rows differ by "
            f"{np.median(noise):.3f} (median) to {floor:.3f} (99th percentile)",
        )


def jensen_shannon(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the Jensen-Shannon divergence (base 2, 0 to 1) of two vectors of counts.

    Lin, IEEE Transactions on Information Theory 37 (1991).
    """
    from scipy.spatial.distance import jensenshannon

    if not left.sum() or not right.sum():
        return 0.0 if left.sum() == right.sum() else 1.0
    return float(jensenshannon(left, right, base=2)) ** 2


def _word_counts(rows: Sequence[str]) -> Any:
    """Return how often each row (line) holds each word (column)."""
    from scipy.sparse import csr_matrix

    places: dict[str, int] = {}
    found = [[places.setdefault(word, len(places)) for word in words(row)] for row in rows]
    lines = [line for line, row in enumerate(found) for _ in row]
    columns = [column for row in found for column in row]
    shape = (len(rows), max(1, len(places)))
    return csr_matrix(([1.0] * len(lines), (lines, columns)), shape=shape)


def _summed(counts: Any) -> Any:
    import numpy as np

    return np.asarray(counts.sum(axis=0), dtype=np.float64).ravel()
