"""What a person may ask of `paddock slo`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg

from flows.asking.parameters import Name, Parameters


class SloParameters(Parameters):
    """What a serving promises, and how that stands."""

    action: CliPositionalArg[Literal["status", "render"]] = Field(
        description="status: each objective, what was seen, what is left of its budget, how fast "
        "it burns; exit code 1 while releases are held. render: rules for Prometheus."
    )
    file: str = Field(
        default="",
        description="The serving's TOML file. Empty: deploy/serving.toml.",
    )
    name: Name | None = Field(
        default=None, description="The registered model, in place of the file's."
    )
    out: str = Field(default="", description="render: the file to write. Empty: it is printed.")
