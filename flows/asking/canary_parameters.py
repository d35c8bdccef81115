"""What a person may ask of `paddock canary`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from flows.asking.naming import absolute_file
from flows.asking.parameters import Parameters
from tasks.canary.traffic import AZURE_RATE


class CanaryParameters(Parameters):
    """A new version beside the champion on a part of the traffic."""

    action: CliPositionalArg[Literal["selftest"]] = Field(
        description="selftest: how often the canary's verdict is wrong, with drawn traffic; a "
        "minute or two, no model and no server."
    )
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
