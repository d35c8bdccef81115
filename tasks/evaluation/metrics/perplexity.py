"""Held-out perplexity: exp of the mean negative log-likelihood per token (nats).

Jelinek et al. (1977), "Perplexity: a measure of the difficulty of speech recognition tasks". The
mean is over tokens, not over records, so a long record weighs more than a short one.
"""

from __future__ import annotations

import math

from model_registry.scorecard import PERPLEXITY
from tasks.evaluation.metrics.scorer import Figure

FIGURE = Figure("perplexity", higher_is_better=False, unit=PERPLEXITY)


def perplexity(nll_sum: float, tokens: int) -> float:
    """Return exp(nll_sum / tokens), in nats; NaN without tokens, infinity where it overflows."""
    if tokens <= 0:
        return math.nan
    try:
        return math.exp(nll_sum / tokens)
    except OverflowError:
        return math.inf
