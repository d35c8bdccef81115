"""Signals: how long questions and answers are, in words."""

from __future__ import annotations

from typing import Any

from tasks.drift.signals.signal import DriftSignal, Measured, Sides
from tasks.drift.texts import words


class QuestionLength(DriftSignal):
    """Longer or shorter questions."""

    name = "question length"
    unit = "Kolmogorov-Smirnov distance, 0 to 1"
    compares = "lengths of questions in words"
    rule = "above the threshold, and p below alpha"
    threshold = 0.2

    def measure(self, sides: Sides) -> Measured:
        """Compare the questions' lengths."""
        return compare_lengths(
            sides.reference.prompts, sides.window.prompts, self.threshold, sides.alpha
        )


class AnswerLength(DriftSignal):
    """Longer or shorter answers."""

    name = "answer length"
    unit = QuestionLength.unit
    compares = "lengths of answers in words"
    rule = QuestionLength.rule
    threshold = 0.2

    def measure(self, sides: Sides) -> Measured:
        """Compare the answers' lengths."""
        return compare_lengths(
            sides.reference.answers, sides.window.answers, self.threshold, sides.alpha
        )


def compare_lengths(
    reference: list[str], window: list[str], threshold: float, alpha: float
) -> Measured:
    """Compare lengths in words: two-sample Kolmogorov-Smirnov, whose distance is the effect size.

    Cliff's delta (-1 to 1; positive: the window's texts are longer) says which way they moved.
    """
    import numpy as np
    from scipy.stats import ks_2samp, mannwhitneyu

    ours, theirs = (np.array([len(words(text)) for text in side]) for side in (reference, window))
    test: Any = ks_2samp(ours, theirs)
    above: Any = mannwhitneyu(theirs, ours).statistic
    delta = 2 * float(above) / (len(ours) * len(theirs)) - 1
    distance, p_value = float(test.statistic), float(test.pvalue)
    return Measured(
        statistic=distance,
        threshold=threshold,
        p_value=p_value,
        drifted=distance > threshold and p_value < alpha,
        explanation=f"median {np.median(ours):.0f} words in the reference, "
        f"{np.median(theirs):.0f} in the window; Cliff's delta {delta:+.2f}",
    )
