"""What a person may ask of the commands about a model's file; beside parameters.py."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import CliPositionalArg

from data_contracts.kinds.registry import RecordKind
from flows.asking.parameters import Name, Parameters


class InitParameters(Parameters):
    """Write a model's file, with every setting, its default and what it is for."""

    name: CliPositionalArg[Name] = Field(description="Name of the model.")
    source: str = Field(
        default="",
        description="Where its rows are; empty: asked for in a terminal.",
    )
    kind: RecordKind | None = Field(
        default=None, description="What one row is. Unset: what the contract says, or else chat."
    )
    contract: str = Field(default="", description="The data set's contract, a TOML file.")
    base: str = Field(
        default="", description="The model to start from; empty: the embedded one, or asked for."
    )
    policy: str = Field(
        default="", description="Gate policy: a name or a TOML file; empty: general."
    )
    file: str = Field(default="", description="The file to write; empty: NAME.toml here.")


class CheckParameters(Parameters):
    """Look at all that a model's file names, before anything costs."""

    file: CliPositionalArg[str] = Field(min_length=1, description="The model's file.")


class DeployParameters(Parameters):
    """Make a model's deployments what its file says, or say what differs."""

    file: CliPositionalArg[str] = Field(
        default="",
        description="The model's file; empty: every file that was deployed from this home before.",
    )
    overwrite: bool = Field(
        default=False,
        description="Take the file's where somebody changed parameters or schedules in Prefect; "
        "else theirs stay and the difference is said.",
    )
    remove: bool = Field(
        default=False, description="Take the deployments of this file's model away instead."
    )
