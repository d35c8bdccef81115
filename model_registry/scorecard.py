"""What an evaluation found, as values that gates read and a dossier quotes.

A figure that could not be computed (NaN, no cases) is None, here and in JSON: "missing", which a
gate must take for a refusal. Needs nothing but a scorecard.json; writes nothing.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen

Role = Literal["base", "candidate", "champion"]


class Unit(Frozen):
    """What a figure counts, and how people read it: `scale` times the figure, then `mark`.

    `low` and `high` are the least and the most that it can be for one case; None: no limit.
    """

    name: str
    low: float | None = None
    high: float | None = None
    scale: float = 1.0
    digits: int = 2
    mark: str = ""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the least and the most, if it has both."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def shown(self, figure: float, *, signed: bool = False) -> str:
        """Return a figure, or with a sign and no mark a difference of two, as people read it."""
        number = f"{figure * self.scale:{'+' if signed else ''}.{self.digits}f}"
        return number if signed else f"{number}{self.mark}"


SHARE = Unit(name="share", low=0.0, high=1.0, scale=100.0, digits=1, mark="%")
PERPLEXITY = Unit(name="perplexity")


def _unit(given: object) -> object:
    """Scorecards used to name one of two units."""
    return (
        {"share": SHARE, "perplexity": PERPLEXITY}.get(given, given)
        if isinstance(given, str)
        else given
    )


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

    def shown(self, unit: Unit, *, signed: bool = False) -> str:
        """Return the figure as people read it: `value [low, high]`, or "missing"."""
        if self.value is None:
            return "missing"
        value = unit.shown(self.value, signed=signed)
        if self.low is None or self.high is None:
            return f"{value} [no interval]"
        low, high = (unit.shown(end, signed=signed) for end in (self.low, self.high))
        return f"{value} [{low}, {high}]"


class Changes(Frozen):
    """Cases whose score differs between two models: `lost` (their ids) were right and are wrong.

    `won` counts the reverse. Which of 0 and 1 is right is the metric's direction.
    """

    lost: tuple[str, ...]
    won: int


class MetricResult(Frozen):
    """One metric of every model, and paired differences between models on the same cases.

    `key` is `<eval set>/<figure>`, e.g. `desk_facts/accuracy`. Figures are in the unit's own
    scale: a share runs from 0 to 1.
    `differences` are keyed `candidate-base`, `candidate-champion` and `champion-base`, as far as
    both models are there (first minus second, in the unit of the scores). `changes` are keyed
    alike, for figures of which every score is 0 or 1.
    """

    key: str
    unit: Annotated[Unit, BeforeValidator(_unit)]
    higher_is_better: bool
    scores: dict[Role, Estimate]
    differences: dict[str, Estimate] = Field(default_factory=dict)
    withheld: str = Field(default="", description="why gates may not use it; empty: they may")
    changes: dict[str, Changes] = Field(default_factory=dict)


class EvalSetUsed(Frozen):
    """Which version of an eval set was asked; `digest` is over its files."""

    version: str
    digest: str
    cases: int


class Scorecard(Frozen):
    """Every metric of an evaluation; `models` maps each role to its model's digest.

    `notes` say what a reader must know beside the figures: records that were not scored, answers
    that were cut.
    """

    models: dict[Role, str]
    eval_sets: dict[str, EvalSetUsed]
    metrics: dict[str, MetricResult]
    seed: int
    resamples: int
    confidence: float = 0.95
    notes: tuple[str, ...] = ()


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
