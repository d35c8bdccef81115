"""What a person may ask of `paddock compare`; beside parameters.py, and read in the same way."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg

from flows.asking.parameters import NamedParameters


class CompareParameters(NamedParameters):
    """What is recorded of several models, side by side; no model is run."""

    models: CliPositionalArg[tuple[str, ...]] = Field(
        min_length=2,
        description="Which: candidates as VERSION (of --name) or NAME/VERSION, NAME@champion or "
        "NAME@previous, trained models by at least 8 digits of their digest.",
    )
    format: Literal["table", "csv", "json"] = Field(
        default="table", description="What is printed: table, csv or json."
    )
