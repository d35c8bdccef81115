"""What a person may ask of `paddock gates`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from flows.asking.naming import absolute_file, absolute_sets
from flows.asking.parameters import Parameters, Words


class GatesParameters(Parameters):
    """What a gate policy can tell with the cases there are, before anybody trains."""

    action: CliPositionalArg[Literal["power", "selftest"]] = Field(
        description="power: what each gate can tell; selftest: whether the policy passes its own "
        "test."
    )
    policy: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="demo", description="Gate policy: a name (demo, documents, general) or a TOML file."
    )
    eval_sets: Annotated[Words, AfterValidator(absolute_sets)] = Field(
        default=(),
        description="Eval sets: names, or folders of your own. Empty: those that the gates name.",
    )
    held_out: int = Field(
        default=100, ge=1, description="How many held-out records there are (100 are scored)."
    )
    draws: int = Field(default=10_000, ge=100, description="How many evaluations are drawn.")
    looks: int = Field(
        default=2,
        ge=1,
        description="How often a candidate at a limit may be trained and looked at.",
    )
    seed: int = Field(default=7, ge=0, description="Seed of the draws.")
