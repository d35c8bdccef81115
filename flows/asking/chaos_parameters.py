"""What a person may ask of `paddock chaos`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from flows.asking.parameters import Name, Parameters

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def seconds_of(text: str) -> float:
    """Return the seconds of `500ms`, `2s` or `1m`; ValueError if it is no such time."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("write a time as 500ms, 2s or 1m")
    return float(found[1]) * _SECONDS[found[2]]


def _readable(text: str) -> str:
    seconds_of(text)
    return text


Time = Annotated[str, AfterValidator(_readable)]


class ChaosParameters(Parameters):
    """Make what is served on this machine fail on purpose, for a while, and say what users got."""

    model_config = ConfigDict(populate_by_name=True)

    name: Name = Field(default="help-desk", description="The model that is served.")
    abort: float = Field(
        default=0, ge=0, le=100, description="Percent of the requests that get 503."
    )
    delay: Time = Field(
        default="0s", description="How long requests are made to wait first, as 2s or 500ms."
    )
    delayed: float = Field(
        default=100, gt=0, le=100, description="Percent of the requests that wait."
    )
    hit: Literal["engine-killed", "engine-frozen", "gateway-killed"] | None = Field(
        default=None, description="A part that is killed or frozen, once, at the beginning."
    )
    lasts: Time = Field(
        default="60s",
        alias="for",
        description="When it ends by itself, at most 10m, also if this command is killed.",
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.abort or seconds_of(self.delay) or self.hit):
            raise ValueError("nothing would go wrong: give --abort, --delay or --hit")
        if not 1 <= seconds_of(self.lasts) <= 600:
            raise ValueError("--for is 1s at least and 10m at most")
        if seconds_of(self.delay) > 60:
            raise ValueError("--delay is 1m at most")
        return self
