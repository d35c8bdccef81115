"""Signal: how many answers abstain or refuse."""

from __future__ import annotations

from typing import Any

from tasks.drift.signals.signal import DriftSignal, Measured, Sides
from tasks.models.refusals import declines


class Declined(DriftSignal):
    """More or fewer answers that decline: Fisher's exact test, both ways."""

    name = "declined"
    unit = "change of the share of answers, 0 to 1"
    compares = "shares of answers that abstain or refuse"
    rule = "above the threshold, and p below alpha"
    threshold = 0.1

    def measure(self, sides: Sides) -> Measured:
        """Compare the shares of declined answers."""
        from scipy.stats import fisher_exact

        reference, window = sides.reference.answers, sides.window.answers
        ours, theirs = (sum(map(declines, side)) for side in (reference, window))
        table = [[ours, len(reference) - ours], [theirs, len(window) - theirs]]
        test: Any = fisher_exact(table)
        before, now = ours / len(reference), theirs / len(window)
        change, p_value = abs(now - before), float(test.pvalue)
        return Measured(
            statistic=change,
            threshold=self.threshold,
            p_value=p_value,
            drifted=change > self.threshold and p_value < sides.alpha,
            explanation=f"{before:.1%} of the reference's answers decline, "
            f"{now:.1%} of the window's",
        )
