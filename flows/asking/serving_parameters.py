"""What a person may ask of serving; beside parameters.py, and read in the same way."""

from __future__ import annotations

from pydantic import Field

from flows.asking.parameters import Name, Parameters


class ServeParameters(Parameters):
    """Serve a champion on this machine: OpenAI's API behind a gateway, until Ctrl-C."""

    file: str = Field(
        default="",
        description="What is served how: a TOML file. Empty: deploy/serving.toml, which explains "
        "each entry.",
    )
    name: Name | None = Field(
        default=None, description="The registered model, in place of the file's."
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="The gateway's port, in place of the file's."
    )
    candidate: int | None = Field(
        default=None,
        ge=1,
        description="Serve this approved version, and not the champion: an arm of a canary on a "
        "cluster.",
    )
