"""Signal: which words the questions use."""

from __future__ import annotations

from typing import Any

from tasks.drift.rows import Rows
from tasks.drift.signals.signal import DriftSignal, Fitted, Means

_UNSEEN = 0.5  # what is added to every word's count, so that a new word has a probability
_MOST_BITS = 20.0


class Vocabulary(DriftSignal):
    """Other words: the bits a word of a question takes when coded as the reference speaks.

    That is the cross-entropy with the reference's unigrams (additive smoothing), a mean over the
    row's words. Unlike the divergence of two word counts it has no bias that depends on how many
    rows there are, so power rises with rows.
    """

    name = "vocabulary"
    unit = "bits a word"
    compares = "words of questions"
    threshold = 0.4
    both_ways = False

    def fit(self, reference: Rows) -> Fitted:
        """Count the reference's words; each of its rows is coded by what the others say."""
        import numpy as np

        known, places = np.unique(reference.vocabulary, return_inverse=True)
        counts = np.bincount(places, minlength=len(known)).astype(np.float64)
        total = float(counts.sum()) + _UNSEEN * (len(known) + 1)
        own_row = _row_of(reference)
        in_row = _times_in_row(own_row, places)
        lengths = np.maximum(reference.question_words, 1)
        left = np.maximum(counts[places] - in_row, 0.0) + _UNSEEN
        own = _means(-np.log2(left / (total - lengths[own_row])), own_row, lengths)

        def of(rows: Rows) -> Any:
            last = max(len(known) - 1, 0)
            found = np.minimum(np.searchsorted(known, rows.vocabulary), last)
            there = np.zeros(len(found))
            if len(known):
                there = np.where(known[found] == rows.vocabulary, counts[found], 0.0)
            bits = -np.log2((there + _UNSEEN) / total)
            return _means(bits, _row_of(rows), np.maximum(rows.question_words, 1))

        return Fitted(own, of)

    def change(self, means: Means) -> tuple[float, str]:
        """Return how many bits more a word takes."""
        before, now = float(means.expected[0]), float(means.seen[0])
        said = f"a word of a question takes {now:.2f} bits, where {before:.2f} were expected"
        return now - before, said


def _row_of(rows: Rows) -> Any:
    import numpy as np

    return np.repeat(np.arange(len(rows)), np.diff(rows.starts))


def _times_in_row(row: Any, word: Any) -> Any:
    """Return, of each word of each row, how often the row has it."""
    import numpy as np

    pairs = row.astype(np.int64) * (int(word.max(initial=0)) + 1) + word
    _, places, times = np.unique(pairs, return_inverse=True, return_counts=True)
    return times[places]


def _means(bits: Any, row: Any, lengths: Any) -> Any:
    import numpy as np

    sums = np.bincount(row, np.minimum(bits, _MOST_BITS), minlength=len(lengths))
    return (sums / lengths)[:, None]
