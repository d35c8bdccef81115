"""What a person may ask about rows: the quarantine, where a row went, and forgetting a person."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg

from flows.asking.parameters import Parameters


class QuarantineParameters(Parameters):
    """Look into the quarantine of a snapshot, and let rows out."""

    action: CliPositionalArg[Literal["list", "show", "release"]] = Field(
        description="list the rows, show one, or release one."
    )
    row: int | None = Field(default=None, ge=1, description="The row's number in the list.")
    snapshot: str = Field(
        default="",
        description="Beginning of the digest of a snapshot, or of an ingestion that broke its "
        "contract; empty: the newest.",
    )
    person: str = Field(default="", description="Who releases the row; it is recorded.")
    reason: str = Field(
        default="",
        description="Why it is released, which is recorded; for list: show rows held for this.",
    )


class ForgetParameters(Parameters):
    """Use a person's rows no more, and say which models did."""

    subject: str = Field(
        min_length=1,
        description="The person's key as the data sets write it (the contract's privacy.subject "
        "names the column). It is stored as a keyed hash only.",
    )
    reason: str = Field(default="deletion request", description="Why; it is recorded.")
    dry_run: bool = Field(default=False, description="Only look; record nothing.")


class LineageParameters(Parameters):
    """From a row of a snapshot to its source, and to the models that were trained on it."""

    row: str = Field(min_length=8, description="The row's id, or its beginning.")
