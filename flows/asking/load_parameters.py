"""What a person may ask of `paddock load`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flows.asking.parameters import Name, Parameters

Speed = Annotated[float, Field(gt=0, le=10_000)]


class LoadParameters(Parameters):
    """Send a recorded traffic to a server, faster and faster, and say where it is full."""

    trace: str = Field(
        min_length=1,
        description="A trace: a CSV as Azure's (TIMESTAMP,ContextTokens,GeneratedTokens), or an "
        "hour of the inference log (.jsonl).",
    )
    url: str = Field(
        default="http://127.0.0.1:8080/v1",
        pattern=r"^https?://\S+$",
        description="Where a server of OpenAI's protocol answers; it ends in /v1.",
    )
    speed: tuple[Speed, ...] = Field(
        default=(1.0,),
        min_length=1,
        description="How many times as fast as the trace; several, with commas, are stages.",
    )
    seconds: float = Field(default=60, gt=0, le=86_400, description="How long each stage takes.")
    tokens: float = Field(
        default=1.0, gt=0, le=10, description="A factor of the trace's tokens, for small models."
    )
    timeout: float = Field(
        default=120, gt=0, description="Seconds after which an answer is given up."
    )
    file: str = Field(
        default="",
        description="The serving's TOML file, whose promises are the limits, and whose replicas "
        "and slots the server has. Empty: deploy/serving.toml.",
    )
    name: Name | None = Field(default=None, description="The model, in place of the file's.")
    plan_speed: Speed = Field(
        default=1.0, description="For which speed of the whole trace replicas are counted."
    )
    out: str = Field(
        default="",
        description="A folder for load.json, with every stage, requests.jsonl, and load.svg.",
    )
    seed: int = Field(default=7, ge=0, description="Seed of the questions' words.")
