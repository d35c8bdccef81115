"""What a person may ask of `paddock clean`; beside parameters.py, and read in the same way."""

from __future__ import annotations

from pydantic import Field

from flows.asking.parameters import Parameters


class CleanParameters(Parameters):
    """Say what can go and what that frees; nothing goes unless it is asked for."""

    apply: bool = Field(default=False, description="Delete what can go.")
    older_than: int = Field(
        default=30,
        ge=1,
        description="Only what was made, used, refused or superseded so many days ago at least.",
    )
