"""What a person may ask of `paddock experiment`, and of the flow that it starts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg

from flows.asking.parameters import Name, NamedParameters, Parameters
from tasks.canary.traffic import AZURE_RATE
from tasks.experiment.metrics import Metric


class ExperimentRunParameters(NamedParameters):
    """Compare an approved candidate with the champion on real users, for a set time."""

    metric: Metric = Field(default="rated", description="What is compared; nothing else is tested.")
    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of the candidate; none: the newest that people approved. An "
        "experiment that is under way goes on as it began.",
    )
    hours: float = Field(default=24.0, gt=0, le=24 * 90, description="How long it runs.")
    share: float = Field(
        default=10.0,
        gt=0,
        le=50,
        description="Percent of the users in each of both arms; the rest is with the champion.",
    )
    effect: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="The least difference that matters: .02 is two points of a share, .1 is 10 % "
        "of tokens, latency or cost. None: .02 (success .01), and .1.",
    )
    wrong: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="How often it may say that one is better where both are the same, over all "
        "looks together.",
    )


class ExperimentParameters(Parameters):
    """Two versions compared on real users, and nothing promoted."""

    action: CliPositionalArg[Literal["start", "status", "stop", "selftest"]] = Field(
        description="start: compare an approved candidate with the champion for some hours, beside "
        "`paddock serve`; after Ctrl-C the same command goes on, and without it the candidate gets "
        "no traffic from five minutes on. status: what can be said now; look as often as you like. "
        "stop: end it now. selftest: how often it is wrong, with drawn traffic, and how many "
        "requests it needs; a minute or two, no model and no server."
    )
    name: Name = Field(default="help-desk", description="start, status, stop: the model.")
    metric: Metric = Field(
        default="rated", description="start: what is compared; nothing else is tested."
    )
    version: int | None = Field(
        default=None,
        ge=1,
        description="start: version of the candidate; none: the newest that people approved.",
    )
    hours: float = Field(default=24.0, gt=0, le=24 * 90, description="start: how long it runs.")
    share: float = Field(
        default=10.0,
        gt=0,
        le=50,
        description="start, selftest: percent of the users in each of both arms.",
    )
    effect: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="start: the least difference that matters, .02 for two points of a share, .1 "
        "for 10 % of tokens, latency or cost; none: what docs/experiments.md says.",
    )
    wrong: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="start: how often it may be wrong about two that are the same.",
    )
    reason: str = Field(default="", description="stop: why; people read it.")
    runs: int = Field(
        default=1000, ge=100, le=100_000, description="selftest: how many runs of each kind."
    )
    rate: float = Field(
        default=AZURE_RATE,
        gt=0,
        le=1000,
        description="selftest: requests a second over all arms, for the hours that it takes.",
    )
    seed: int = Field(default=7, ge=0, description="selftest: seed of the draws.")
