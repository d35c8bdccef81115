"""Signals: how long questions and answers are, in words."""

from __future__ import annotations

from typing import Any, ClassVar

from tasks.drift.rows import Rows
from tasks.drift.signals.signal import DriftSignal, Fitted, Means

_PLACES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


class Length(DriftSignal):
    """Longer or shorter texts: the share above each of seven quantiles of the reference.

    The largest change of a share is the Kolmogorov-Smirnov distance at those places.
    """

    unit = "Kolmogorov-Smirnov distance, 0 to 1"
    both_ways = True
    column: ClassVar[str]

    def fit(self, reference: Rows) -> Fitted:
        """Take the quantiles of the reference's lengths."""
        import numpy as np

        places = np.unique(
            np.quantile(getattr(reference, self.column), _PLACES, method="inverted_cdf")
        )

        def above(rows: Rows) -> Any:
            return (getattr(rows, self.column)[:, None] > places).astype(np.float64)

        return Fitted(above(reference), above)

    def change(self, means: Means) -> tuple[float, str]:
        """Return the distance, and which way lengths moved."""
        import numpy as np

        moved = means.seen - means.expected
        largest = float(moved[np.argmax(np.abs(moved))])
        longer = "longer" if largest > 0 else "shorter"
        return abs(largest), f"{abs(largest):.0%} of them moved across a length: {longer}"


class QuestionLength(Length):
    """Longer or shorter questions."""

    name = "question length"
    compares = "lengths of questions in words"
    threshold = 0.15
    column = "question_words"


class AnswerLength(Length):
    """Longer or shorter answers."""

    name = "answer length"
    compares = "lengths of answers in words"
    threshold = 0.2
    of_answers = True
    column = "answer_words"
