"""How many tokens a model's answers have: what they cost, and whether it has become talkative.

Counted with the model's own tokenizer, the end-of-turn token aside, and never above a case's limit.
"""

from __future__ import annotations

from model_registry.scorecard import Unit
from tasks.evaluation.metrics.scorer import Figure

FIGURE = Figure("tokens", higher_is_better=False, unit=Unit(name="tokens", low=0.0, digits=1))
