"""What a canary is held to: the `[canary]` table of a serving specification.

How often identical versions may be rolled back is one figure for the whole rollout. It is spent on
metrics by their weights, on phases and on looks by `spent`; the parts never sum to more than it
(Bonferroni), however the metrics hang together. Needs a file; writes nothing.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen

STEP = "canary"
Metric = Literal["errors", "truncated", "latency", "hallucinated", "refused"]
METRICS: tuple[Metric, ...] = ("errors", "truncated", "latency", "hallucinated", "refused")
# What the first one may spend of what there is. Later phases have far more requests, so the first
# phase counts most. The next look has half as many again: with too little it would be no help.
_PHASES_FIRST, _FAIL_FIRST, _PASS_FIRST = 0.8, 0.7, 0.5


def spent(total: float, index: int, first: float) -> float:
    """Return what the look (or phase) `index` may spend of `total`: `first` of what is left.

    The sum over all of them is `total`.
    """
    return total * first * (1 - first) ** index


class Phase(Frozen):
    """So much of the traffic for at least so long. Up to 50 % a baseline of equal size is there."""

    share: float = Field(gt=0, le=100, description="The canary's share of the traffic, in percent.")
    minutes: float = Field(ge=0, description="The least minutes before it can be judged.")


class Limits(Frozen):
    """What one metric is held to.

    `margin` and `tolerated` are differences of shares (0.01 is one point); of the latency they are
    its ratio less one (0.15 is 15 % slower). The canary passes once it is shown to be worse by no
    more than `margin`; it fails once it is shown to be worse, and is by at least `tolerated`.
    """

    least: int = Field(ge=1, description="The least requests (or judged answers) of an arm.")
    margin: float = Field(gt=0, description="How much worse may still pass.")
    tolerated: float = Field(ge=0, description="What is too small a loss to roll back for.")
    weight: float = Field(default=1, gt=0, description="Its part of the wrong rollbacks.")
    against: Literal["baseline", "champion"] = Field(
        default="baseline",
        description="What it is compared with: the baseline of equal size, or all the champion's "
        "answers, which are the baseline's and the stable arm's.",
    )

    @model_validator(mode="after")
    def _decides(self) -> Self:
        if self.tolerated >= self.margin:  # between them neither pass nor fail could be shown
            raise ValueError("tolerated must be less than margin")
        return self


class Stops(Frozen):
    """What ends a canary at any tick, by tests that hold however often one looks."""

    errors_most: float = Field(
        default=0.05, gt=0, lt=0.5, description="The share of errors that is too many by itself."
    )
    slow_odds: float = Field(
        default=4,
        ge=1,
        description="How far the odds of a slow answer (slower than 9 of 10 of the champion's) may "
        "grow. Three times the latency is about 22.",
    )
    weight: float = Field(default=1, gt=0, description="Their part of the wrong rollbacks.")


_PHASES = (
    Phase(share=5, minutes=60),
    Phase(share=25, minutes=30),
    Phase(share=50, minutes=30),
    Phase(share=100, minutes=15),
)


class CanaryPolicy(Frozen):
    """Phases, limits and how often a verdict may be wrong."""

    phases: tuple[Phase, ...] = Field(default=_PHASES, min_length=1)
    warm_minutes: float = Field(
        default=30, gt=0, description="How long the canary's process may take to be ready."
    )
    wrong_rollback: float = Field(
        default=0.02,
        gt=0,
        lt=0.5,
        description="How often a version that is as good may be rolled back, in a whole rollout.",
    )
    wrong_pass: float = Field(
        default=0.025,
        gt=0,
        lt=0.5,
        description="How often a metric that is worse by its margin may pass a phase.",
    )
    metrics: tuple[Metric, ...] = Field(
        default=METRICS, min_length=1, description="What is judged."
    )
    eval_sets: tuple[str, ...] = Field(
        default=(),
        description="Eval sets whose cases say what is true: an answer of a request that asks what "
        "a case asks is judged by it. Names of ours, or folders.",
    )
    tick_seconds: float = Field(
        default=5, ge=1, le=60, description="Between two ticks: so soon a stop ends it."
    )
    fast: float = Field(
        default=1, ge=1, description="Divides every phase's minutes; least counts stay as they are."
    )
    shadow: bool = Field(
        default=False,
        description="Where requests are few, both versions are asked recorded ones again, beside "
        "the users, until there are as many answers as each metric needs at least.",
    )
    errors: Limits | None = Limits(
        least=800, margin=0.01, tolerated=0.002, weight=2, against="champion"
    )
    truncated: Limits | None = Limits(least=600, margin=0.02, tolerated=0.005, against="champion")
    latency: Limits | None = Limits(least=180, margin=0.15, tolerated=0.05)
    hallucinated: Limits | None = Limits(
        least=450, margin=0.03, tolerated=0.01, weight=4, against="champion"
    )
    refused: Limits | None = Limits(least=450, margin=0.03, tolerated=0.01, against="champion")
    stops: Stops = Stops()

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        shares = [phase.share for phase in self.phases]
        if shares != sorted(set(shares)) or shares[-1] != 100:
            raise ValueError("phases must grow, and the last must be 100 %")
        if any(share > 50 for share in shares[:-1]):
            raise ValueError("above 50 % no baseline of equal size is left: only the last may be")
        if not self.judged:
            raise ValueError("no metric is judged")
        return self

    @property
    def judged(self) -> dict[str, Limits]:
        """Return the metrics that are judged, and what each is held to."""
        found = {name: getattr(self, name) for name in METRICS if name in self.metrics}
        return {name: limits for name, limits in found.items() if limits is not None}

    @property
    def most_needed(self) -> int:
        """Return how many requests every metric has enough of."""
        return max(limits.least for limits in self.judged.values())

    def fail_tail(self, metric: str, phase: int, look: int) -> float:
        """Return the chance that this look at this metric may fail a version that is as good."""
        mine = self.wrong_rollback * self.judged[metric].weight / self._weights()
        return spent(spent(mine, phase, _PHASES_FIRST), look, _FAIL_FIRST)

    def pass_tail(self, look: int) -> float:
        """Return the chance that this look may pass a metric that is worse by its margin.

        Metrics and phases need no part each: all must pass, so more of them make it rarer.
        """
        return spent(self.wrong_pass, look, _PASS_FIRST)

    def stop_tail(self, stops: int) -> float:
        """Return the chance that one of so many stops may ever end a version that is as good."""
        return self.wrong_rollback * self.stops.weight / self._weights() / stops

    def _weights(self) -> float:
        return self.stops.weight + sum(limits.weight for limits in self.judged.values())


def read_policy(file: Path) -> CanaryPolicy:
    """Return the policy of a TOML file's table `[canary]`; InputError says what it cannot be."""
    try:
        with file.open("rb") as opened:
            table = tomllib.load(opened).get("canary")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _unusable(file, f"cannot be read ({type(error).__name__})") from error
    if not isinstance(table, dict):
        raise _unusable(file, "has no table [canary]")
    try:
        return CanaryPolicy.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = f"{place}: {first['msg']}" if place else first["msg"]
        raise _unusable(file, said) from error


def _unusable(file: Path, what: str) -> InputError:
    return InputError(
        f"the canary's policy {what}",
        step=STEP,
        where=str(file),
        remedy="write it as docs/canary.md shows, or leave it out: the defaults hold",
    )
