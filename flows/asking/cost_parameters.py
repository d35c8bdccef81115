"""What a person may ask of `paddock cost`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flows.asking.log_parameters import Day
from flows.asking.parameters import Name, Parameters


class CostParameters(Parameters):
    """What a model's requests and trainings cost, and what the days ahead will."""

    file: str = Field(
        default="",
        description="The serving's TOML file, whose price and slots hold. Empty: "
        "deploy/serving.toml.",
    )
    name: Name | None = Field(
        default=None, description="The registered model, in place of the file's."
    )
    since: Day = Field(default="", description="The first day. Empty: 30 days ago.")
    until: Day = Field(default="", description="The last day. Empty: today.")
    hour: float | None = Field(
        default=None,
        ge=0,
        description="What an hour of a process costs, in place of the file's and of what rows say.",
    )
    gpu_hour: float | None = Field(
        default=None, ge=0, description="What a GPU hour costs, of trainings that recorded none."
    )
    cap: int | None = Field(
        default=None,
        ge=1,
        description="Tokens a day of each tenant: what such a cap would have refused is told.",
    )
    ahead: int = Field(default=30, ge=1, le=366, description="Days that are forecast.")
    format: Literal["table", "json"] = Field(default="table", description="How it is told.")
    seed: int = Field(default=7, ge=0, description="Seed of the forecast's draws.")
