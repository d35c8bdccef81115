"""Held-out perplexity: exp of the mean negative log-likelihood per token (nats).

Jelinek et al. (1977), "Perplexity: a measure of the difficulty of speech recognition tasks". The
mean is over tokens, not over records, so a long record weighs more than a short one.
"""

from __future__ import annotations

import math
from typing import Any

from tasks.evaluation.metrics.case_metric import CaseMetric, Score


class PerplexityMetric(CaseMetric):
    """Perplexity from each record's summed negative log-likelihood and its token count."""

    inputs = {"predictions": "float64", "references": "int64"}  # noqa: RUF012
    figures = ("perplexity",)

    def score(self, nll_sum: float, tokens: int) -> dict[str, Score]:
        """Return one record's own perplexity."""
        return {"perplexity": perplexity(nll_sum, tokens)}

    def _compute(self, **columns: Any) -> dict[str, Any]:
        result = super()._compute(**columns)
        total = math.fsum(columns["predictions"]), sum(columns["references"])
        return {**result, "perplexity": perplexity(*total)}


def perplexity(nll_sum: float, tokens: int) -> float:
    """Return exp(nll_sum / tokens); NaN without tokens, infinity where it overflows."""
    if tokens <= 0:
        return math.nan
    try:
        return math.exp(nll_sum / tokens)
    except OverflowError:
        return math.inf
