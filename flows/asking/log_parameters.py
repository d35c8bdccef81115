"""What a person may ask about the inference log; beside parameters.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_settings import CliPositionalArg

from flows.asking.naming import absolute_log_source
from flows.asking.parameters import NamedParameters, Words

Day = Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


class CompactParameters(NamedParameters):
    """Seal the days of a model's log that are over."""

    raw_days: int | None = Field(
        default=None,
        ge=0,
        description="Raw files of a day go so many days after it, once it is sealed. Unset: what "
        "the contract's privacy.retention_days says; without that they stay.",
    )
    grace_hours: float = Field(
        default=2, ge=0, le=48, description="Hours after a day's end in which rows may be late."
    )


class LogParameters(CompactParameters):
    """Bring rows into a model's inference log, count them, or seal its days."""

    action: CliPositionalArg[Literal["import", "stats", "compact"]] = Field(
        description="import: bring rows of other logs in; stats: count rows, tokens and waits; "
        "compact: seal the days that are over."
    )
    source: Annotated[CliPositionalArg[str], AfterValidator(absolute_log_source)] = Field(
        default="",
        description="For import: a file, a folder or s3://bucket/prefix with requests as gateways "
        "log them (JSON lines or Parquet), or mlflow://EXPERIMENT with their traces.",
    )
    served_as: Words = Field(
        default=(), description="For import: names that the model has where it is served."
    )
    model_version: str = Field(
        default="",
        pattern=r"^(v?\d{1,9}|[0-9a-f]{12,64})?$",
        description="For import: the version that answered the rows that name none.",
    )
    since: Day = Field(default="", description="For stats: the first day, as 2026-03-01.")
    until: Day = Field(default="", description="For stats: the last day.")
    by: Literal["window", "day"] = Field(
        default="window", description="For stats: a line a window, or a day."
    )

    def compaction(self) -> CompactParameters:
        """Return what the flow is asked that seals days."""
        return CompactParameters(
            name=self.name, raw_days=self.raw_days, grace_hours=self.grace_hours
        )
