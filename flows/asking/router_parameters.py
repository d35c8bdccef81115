"""What a person may ask about a router between a small and a large model; beside parameters.py."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from flows.asking.naming import absolute_file, absolute_sets
from flows.asking.parameters import NEWEST, NamedParameters, Words
from model_registry.ledger.rows import ADDRESS
from tasks.exporting.weights import QUANTIZED

_ROUTER = "^(newest|champion|[0-9a-f]{4,64})$"


def _small(given: str) -> str:
    """Return a way to keep weights, or the address of a released version."""
    if given in QUANTIZED:
        return given
    address = given if re.search("[@/]", given) else f"{given}@champion"
    if not re.fullmatch(ADDRESS, address):
        ways = ", ".join(QUANTIZED)
        raise ValueError(f"name a way to keep weights ({ways}), or NAME@champion, or NAME/VERSION")
    return address


class BuildRouterParameters(NamedParameters):
    """Make a router that sends what a small model answers as well to it, and judge it."""

    small: Annotated[str, AfterValidator(_small)] = Field(
        default="q4_0",
        description="The small model: another registered model (NAME, NAME@champion, NAME/VERSION: "
        "a version that serves or served), or a way to keep the large one's weights (q4_0), as "
        "`paddock compress` does.",
    )
    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of a candidate as the large model, so that its router is ready when "
        "it is promoted; none: the champion.",
    )
    eval_sets: Annotated[Words, AfterValidator(absolute_sets)] = Field(
        default=(),
        description="Eval sets that both are asked: names, or folders of your own. Empty: those "
        "the large one was judged by.",
    )
    small_cost: float = Field(
        default=0.0,
        ge=0,
        description="What a million tokens cost at the small model. With 0 both are measured on "
        "this machine, as hours of an engine.",
    )
    large_cost: float = Field(
        default=0.0, ge=0, description="The same of the large model; in the same currency."
    )
    points: float = Field(
        default=1.0, ge=0, le=100, description="Points of quality, of 100, that may be lost."
    )
    threads: int = Field(
        default=1, ge=1, le=256, description="Threads of an engine; they spin while it answers."
    )
    policy: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="routing", description="The gate policy: a name, or a TOML file."
    )
    register_it: bool = Field(
        default=False,
        description="Register the router as a candidate of NAME-router, and ask people about it if "
        "its gates pass; `paddock promote --name NAME-router` then lets it route.",
    )


class RouterParameters(BuildRouterParameters):
    """Build a router, show one, or ask it where a question would go."""

    action: CliPositionalArg[Literal["build", "show", "ask"]] = Field(
        description="build: make a router and judge it; show: what one is, how it fares, and what "
        "it did while it served; ask: where a question would go, and how sure that is."
    )
    question: CliPositionalArg[str] = Field(default="", description="For ask: what is asked.")
    router: str = Field(
        default=NEWEST,
        pattern=_ROUTER,
        description="For show and ask: its digest or the beginning of it; newest: the one made "
        "last; champion: the one that serves of NAME-router.",
    )

    def building(self) -> BuildRouterParameters:
        """Return what the flow is asked that builds."""
        given: dict[str, Any] = {
            name: getattr(self, name) for name in BuildRouterParameters.model_fields
        }
        return BuildRouterParameters(**given)
