"""What an evaluation found, as values that gates read and a dossier quotes.

A figure that could not be computed (NaN, no cases) is None, here and in JSON: "missing", which a
gate must take for a refusal. Needs nothing but a scorecard.json; writes nothing.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen

Role = Literal["base", "candidate", "champion"]
Unit = Literal["share", "perplexity"]


class Estimate(Frozen):
    """A figure with its 95% confidence interval; `n` counts the cases or records behind it."""

    value: float | None
    low: float | None
    high: float | None
    n: int = Field(ge=0)

    @field_validator("value", "low", "high")
    @classmethod
    def _finite_or_missing(cls, number: float | None) -> float | None:
        return number if number is not None and math.isfinite(number) else None

    @property
    def missing(self) -> bool:
        """Tell whether the figure or its interval could not be computed."""
        return None in (self.value, self.low, self.high) or self.n == 0


class MetricResult(Frozen):
    """One metric of every model, and paired differences between models on the same cases.

    `key` is `<eval set>/<figure>`, e.g. `desk_facts/accuracy`. A unit of `share` runs from 0 to 1.
    `differences` are keyed `candidate-base`, `candidate-champion` and `champion-base`, as far as
    both models are there (first minus second, in the unit of the scores).
    """

    key: str
    unit: Unit
    higher_is_better: bool
    scores: dict[Role, Estimate]
    differences: dict[str, Estimate] = Field(default_factory=dict)


class EvalSetUsed(Frozen):
    """Which version of an eval set was asked; `digest` is over its files."""

    version: str
    digest: str
    cases: int


class Scorecard(Frozen):
    """Every metric of an evaluation; `models` maps each role to its model's digest."""

    models: dict[Role, str]
    eval_sets: dict[str, EvalSetUsed]
    metrics: dict[str, MetricResult]
    seed: int
    resamples: int
    confidence: float = 0.95


def read_scorecard(path: Path) -> Scorecard:
    """Read a scorecard.json; InputError if it is absent or is not one."""
    try:
        return Scorecard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            "the scorecard cannot be read",
            step="evaluate",
            where=str(path),
            remedy="run the evaluation again",
        ) from error
