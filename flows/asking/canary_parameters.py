"""What a person may ask of `paddock canary`, and of the flow that it starts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from flows.asking.naming import absolute_file
from flows.asking.parameters import Name, NamedParameters, Parameters
from tasks.canary.traffic import AZURE_RATE


class CanaryRunParameters(NamedParameters):
    """Let an approved candidate take a growing share of the traffic beside the champion."""

    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of the candidate; none: the newest that people approved. A canary "
        "that is under way goes on.",
    )
    fast: float | None = Field(
        default=None,
        ge=1,
        description="Divides the minutes of every phase; the least counts stay. None: what the "
        "serving's file says.",
    )
    shadow: bool = Field(
        default=False,
        description="Where requests are few, ask both versions recorded ones of the log again, "
        "beside the users, until there are enough answers; counted apart.",
    )
    file: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="A serving's TOML file with a table [cluster]: arms are Deployments there. "
        "Empty: beside `paddock serve` on this machine.",
    )


class CanaryParameters(Parameters):
    """A new version beside the champion on a part of the traffic."""

    action: CliPositionalArg[Literal["start", "status", "abort", "selftest"]] = Field(
        description="start: let an approved candidate take a growing share of what `paddock "
        "serve` is asked, judge it at every tick, and promote it at the end or take it back; after "
        "Ctrl-C it gets no traffic from five minutes on, and the same command before that goes on. "
        "status: the arms side by side. abort: take it back now. selftest: how often the verdict "
        "is wrong, with drawn traffic; a minute or two, no model and no server."
    )
    name: Name = Field(default="help-desk", description="start, status, abort: the model.")
    version: int | None = Field(
        default=None,
        ge=1,
        description="start: version of the candidate; none: the newest that people approved.",
    )
    fast: float | None = Field(
        default=None,
        ge=1,
        description="start: divides the minutes of every phase; the least counts stay.",
    )
    shadow: bool = Field(
        default=False,
        description="start: where requests are few, ask both versions recorded ones of the log "
        "again, beside the users, until there are enough answers; counted apart.",
    )
    file: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="start: a serving's TOML file with a table [cluster]. Empty: beside `paddock "
        "serve` on this machine.",
    )
    reason: str = Field(default="", description="abort: why; people read it.")
    policy: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="selftest: a TOML file with a table [canary]. Empty: the defaults.",
    )
    hours: int = Field(
        default=1000, ge=100, le=100_000, description="selftest: how many hours of each kind."
    )
    rate: float = Field(
        default=AZURE_RATE,
        gt=0,
        le=1000,
        description="selftest: requests a second over all arms; the default is that of Azure's "
        "trace of LLM conversations.",
    )
    judged: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="selftest: which share of the canary's and the baseline's answers is judged.",
    )
    seed: int = Field(default=7, ge=0, description="selftest: seed of the draws.")
